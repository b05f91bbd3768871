"""Means, intervals, tests and power over seeds (docs/spec/legality.md, rule 15). The words follow the evidence.

The arithmetic is scipy's and statsmodels'; docs/statistics.md says which test is used when, and why.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

CONFIDENCE = 0.95
ALPHA = 0.05
POWER = 0.80
MOST_SEEDS = 1000
BPB_DECIMALS = 12  # what differs beyond them is the rounding of float64 sums
NAN = float("nan")


@dataclass(frozen=True)
class Summary:
    """One arm: mean, sample standard deviation (n - 1) and the t interval of the mean; NaN where n is too small."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A difference with its evidence; `low`, `high` and `p` are NaN when no test is possible."""

    difference: float
    low: float
    high: float
    p: float
    n: int
    """Pairs, or seeds of the smaller arm."""
    test: str
    seeds_needed: int | None
    """Seeds (an arm) at which this size would be resolved with 80 % power; None when the spread is unknown."""
    p_holm: float = NAN
    """p after Holm's correction; NaN when the comparison stands alone."""
    n_arms: tuple[int, int] | None = None
    """Seeds of the treated arm and of the control, when they are not paired."""

    @property
    def n_text(self) -> str:
        """n as printed: `3`, or `3 and 1` for two arms that are not paired."""
        return str(self.n) if self.n_arms is None or len(set(self.n_arms)) == 1 else "{} and {}".format(*self.n_arms)

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes zero, also after Holm's correction where there is one."""
        excludes_zero = self.low > 0 or self.high < 0
        return excludes_zero and not self.p_holm >= ALPHA

    @property
    def verdict(self) -> str:
        """`effect ...` only when resolved; otherwise what is missing."""
        if self.test == "reference":
            return "the reference itself"
        if self.n == 0:
            return "no seed has both figures yet"
        if self.resolved:
            return f"effect at n = {self.n_text}: {'higher' if self.difference > 0 else 'lower'} bpb"
        if self.difference == 0:
            return f"not resolved at n = {self.n_text}; no difference seen"
        if self.seeds_needed is None:
            return f"not resolved at n = {self.n_text}; the spread over seeds is unknown"
        many = f"more than {MOST_SEEDS}" if self.seeds_needed > MOST_SEEDS else f"about {self.seeds_needed}"
        return f"not resolved at n = {self.n_text}; {many} seeds would resolve this size"


NOTHING = Comparison(NAN, NAN, NAN, NAN, 0, "none", None)
ITSELF = replace(NOTHING, test="reference")  # an arm beside itself


def summarise(values: Sequence[float] | pd.Series) -> Summary:
    """Summary of one arm's figures over seeds."""
    series = pd.Series(values, dtype=float)
    n = len(series)
    if n < 2:
        return Summary(n, float(series.mean()), NAN, NAN, NAN)
    mean, sd = float(series.mean()), float(series.std(ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def pooled_sd(arms: Sequence[pd.Series]) -> float:
    """Standard deviation within arms, pooled over those with two seeds or more; NaN when there are none."""
    several = [arm for arm in arms if len(arm) > 1]
    freedom = sum(len(arm) - 1 for arm in several)
    return math.sqrt(sum(float(arm.var(ddof=1)) * (len(arm) - 1) for arm in several) / freedom) if freedom else NAN


def one_sample(differences: pd.Series, spread: float = NAN) -> Comparison:
    """Test of per-seed differences against zero: the paired t test.

    `spread` is the standard deviation of such differences elsewhere in the study; it is used only to say how many
    seeds would be needed when there is a single difference here, never for an interval.
    """
    differences = differences.round(BPB_DECIMALS)
    summary = summarise(differences)
    if summary.n == 0:
        return NOTHING
    if summary.n == 1:
        return Comparison(summary.mean, NAN, NAN, NAN, 1, "none", seeds_paired(summary.mean, spread, 1))
    p = float(summary.mean == 0) if summary.sd == 0 else float(stats.ttest_1samp(differences, 0).pvalue)
    needed = seeds_paired(summary.mean, summary.sd, summary.n)
    return Comparison(summary.mean, summary.low, summary.high, p, summary.n, "paired t", needed)


def compare(treated: pd.Series, control: pd.Series, spread: float = NAN) -> Comparison:
    """Difference treated - control of two arms, each indexed by seed.

    Two shared seeds or more: paired t over them. One shared seed: its difference, no test (`spread`, the standard
    deviation within arms, then tells how many seeds would be needed). No shared seed: `unpaired`.
    """
    differences = (treated - control).dropna()
    if len(differences) > 1:
        return one_sample(differences)
    if len(differences) == 1:
        difference = float(differences.iloc[0])
        return Comparison(difference, NAN, NAN, NAN, 1, "none", seeds_unpaired(difference, spread, 1))
    return unpaired(treated, control, spread)


def unpaired(treated: pd.Series, control: pd.Series, spread: float = NAN) -> Comparison:
    """Difference of two arms' means by Welch's test; with one seed in one arm by Student's, with the other's spread."""
    n = min(len(treated), len(control))
    if n == 0:
        return NOTHING
    difference = float(treated.mean() - control.mean())
    within = pooled_sd([treated, control])
    if math.isnan(within):
        return Comparison(difference, NAN, NAN, NAN, n, "none", seeds_unpaired(difference, spread, n))
    if within == 0:
        low, high, p = difference, difference, float(difference == 0)
    else:
        result = stats.ttest_ind(treated, control, equal_var=n == 1)
        (low, high), p = result.confidence_interval(CONFIDENCE), float(result.pvalue)
    test, needed = ("Student t" if n == 1 else "Welch t"), seeds_unpaired(difference, within, n)
    arms = len(treated), len(control)
    return Comparison(difference, float(low), float(high), p, n, test, needed, n_arms=arms)


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with Holm-adjusted p; those without a test stay as they are."""
    tested = [index for index, comparison in enumerate(comparisons) if not math.isnan(comparison.p)]
    adjusted = list(comparisons)
    if tested:
        corrected = multipletests([comparisons[index].p for index in tested], alpha=ALPHA, method="holm")[1]
        for index, p in zip(tested, corrected, strict=True):
            adjusted[index] = replace(comparisons[index], p_holm=float(p))
    return adjusted


def seeds_paired(difference: float, sd: float, n: int) -> int | None:
    """Pairs at which a paired t test resolves `difference` with 80 % power, if its standard deviation is `sd`."""
    return seeds_at_power(lambda seeds, size: TTestPower().power(size, seeds, ALPHA), difference, sd, n)


def seeds_unpaired(difference: float, sd: float, n: int) -> int | None:
    """Seeds an arm at which a two-sample t test resolves `difference` with 80 % power, at `sd` within arms."""
    return seeds_at_power(lambda seeds, size: TTestIndPower().power(size, seeds, ALPHA), difference, sd, n)


def seeds_at_power(power: Callable[[int, float], float], difference: float, sd: float, n: int) -> int | None:
    """The least number of seeds above `n` with enough power; MOST_SEEDS + 1 when that is not enough."""
    if math.isnan(sd) or math.isnan(difference) or difference == 0:
        return None
    least = max(n + 1, 2)
    if sd == 0:
        return least

    def enough(seeds: int) -> bool:
        return not power(seeds, abs(difference) / sd) < POWER  # scipy gives NaN where the power is 1 to all digits

    candidates = range(least, MOST_SEEDS + 2)
    return candidates[bisect_left(candidates[:-1], True, key=enough)]
