"""What seeds that claims ask for cost and save, by simulation: python benchmarks/sequential.py [--studies 10000]

Arms differ by a true effect in units of the standard deviation of their differences over seeds. At each effect: how
often a claim is decided and how often wrongly, and how many seeds that takes, beside a t test at every number of seeds
(the habit that claims replace) and one t test at the most seeds. `smallest` is half a standard deviation.
"""

import argparse

import numpy as np
from scipy import stats

from flowgolf.report.results.bounds import anytime_t
from flowgolf.report.results.claims import verdict
from flowgolf.study.claims import ClaimSettings

START, MOST, RATE, SMALLEST = 3, 12, 0.05, 0.5
CLAIM = ClaimSettings(
    arm="new", against="old", value="legal_ttt", direction="higher", smallest=SMALLEST, error_rate=RATE
)
WRONG = {"supported": lambda effect: effect <= 0, "refuted": lambda effect: effect >= 0,
         "smaller than matters": lambda effect: effect >= SMALLEST}  # fmt: skip
EFFECTS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)


def sequential(drawn: np.ndarray) -> list[tuple[str, int]]:
    """Verdict and number of seeds of each study that adds seeds until its claim is decided."""
    found = []
    for row in drawn:
        for n in range(START, MOST + 1):
            mean, half = row[:n].mean(), anytime_t(n, RATE) * row[:n].std(ddof=1) / np.sqrt(n)
            word = verdict(CLAIM, mean - half, mean + half)
            if word != "undecided":
                break
        found.append((word, n))
    return found


def at_every_look(drawn: np.ndarray) -> float:
    """Share of studies in which a t test at some number of seeds finds an effect in the claimed direction."""
    p = [stats.ttest_1samp(drawn[:, :n], 0, axis=1, alternative="greater").pvalue for n in range(START, MOST + 1)]
    return float((np.min(p, axis=0) < RATE / 2).mean())


def main() -> None:
    """Print a row for each true effect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000)
    studies = parser.parse_args().studies
    rng = np.random.default_rng(0)
    print(f"{studies} studies an effect, {START} to {MOST} seeds, error rate {RATE}, smallest {SMALLEST} sd")
    print("effect  supported  refuted  smaller  wrong   seeds: median  mean   t at every look   t at 12")
    for effect in EFFECTS:
        drawn = rng.normal(effect, 1, (studies, MOST))
        found = sequential(drawn)
        share = {word: sum(each == word for each, _ in found) / studies for word in WRONG}
        wrong = sum(share[word] for word, is_wrong in WRONG.items() if is_wrong(effect))
        seeds = [n for _, n in found]
        once = (stats.ttest_1samp(drawn, 0, axis=1, alternative="greater").pvalue < RATE / 2).mean()
        print(
            f"{effect:6.1f}  {share['supported']:9.4f}  {share['refuted']:7.4f}  {share['smaller than matters']:7.4f}"
            f"  {wrong:6.4f}  {np.median(seeds):13.0f}  {np.mean(seeds):5.2f}"
            f"  {at_every_look(drawn):15.4f}  {once:8.4f}"
        )


if __name__ == "__main__":
    main()
