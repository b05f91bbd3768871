"""Means, intervals, tests and power over seeds (docs/spec/legality.md, rule 15), and the verdict that follows.

scipy and statsmodels do the arithmetic; docs/statistics.md says which test is used when, and why.
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
BPB_DECIMALS = 12  # differences beyond these decimals come from the rounding of float64 sums
NAN = float("nan")


@dataclass(frozen=True)
class Summary:
    """One arm: mean, sample standard deviation (n - 1) and t interval of the mean; NaN if there are too few seeds."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A difference with its evidence; `low`, `high` and `p` are NaN if no test is possible."""

    difference: float
    low: float
    high: float
    p: float
    n: int
    """Number of pairs, or of seeds in the smaller arm."""
    test: str
    seeds_needed: int | None
    """Seeds an arm that give an 80 % chance to detect a difference of this size; None if the spread is unknown."""
    p_holm: float = NAN
    """p after Holm's correction; NaN if there is no correction."""
    n_arms: tuple[int, int] | None = None
    """Seeds of the treated arm and of the control, if they are not paired."""

    @property
    def n_text(self) -> str:
        """`n` as printed: `3`, or `3 and 1` for arms without pairs that have different numbers of seeds."""
        return str(self.n) if self.n_arms is None or len(set(self.n_arms)) == 1 else "{} and {}".format(*self.n_arms)

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes zero and p after Holm's correction, if there is one, is below 5 %."""
        excludes_zero = self.low > 0 or self.high < 0
        return excludes_zero and not self.p_holm >= ALPHA

    @property
    def verdict(self) -> str:
        """What may be said of the difference: `effect ...` only if it is resolved, else what is missing."""
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
ITSELF = replace(NOTHING, test="reference")  # the reference compared with itself


def summarise(values: Sequence[float] | pd.Series) -> Summary:
    """Summarise an arm's values over its seeds."""
    series = pd.Series(values, dtype=float)
    n = len(series)
    if n < 2:
        return Summary(n, float(series.mean()), NAN, NAN, NAN)
    mean, sd = float(series.mean()), float(series.std(ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def pooled_sd(arms: Sequence[pd.Series]) -> float:
    """Standard deviation within arms, pooled over those with two seeds or more; NaN if no arm has two."""
    several = [arm for arm in arms if len(arm) > 1]
    freedom = sum(len(arm) - 1 for arm in several)
    return math.sqrt(sum(float(arm.var(ddof=1)) * (len(arm) - 1) for arm in several) / freedom) if freedom else NAN


def one_sample(differences: pd.Series, spread: float = NAN) -> Comparison:
    """Test differences by seed against zero: the paired t test.

    `spread` is the standard deviation of such differences elsewhere in the study. It serves only to say how many
    seeds would be needed if there is a single difference here; it never makes an interval.
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
    """Compare two arms, treated - control, each given as values indexed by seed.

    With two or more seeds in common: paired t test over those. With one in common: its difference without a test, and
    `spread`, the standard deviation within arms, says how many seeds would be needed. With none: see `unpaired`.
    """
    differences = (treated - control).dropna()
    if len(differences) > 1:
        return one_sample(differences)
    if len(differences) == 1:
        difference = float(differences.iloc[0])
        return Comparison(difference, NAN, NAN, NAN, 1, "none", seeds_unpaired(difference, spread, 1))
    return unpaired(treated, control, spread)


def unpaired(treated: pd.Series, control: pd.Series, spread: float = NAN) -> Comparison:
    """Compare the means of two arms without pairs, by Welch's t test.

    If one arm has a single seed, the test is Student's, with the other arm's spread for both.
    """
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
    """Add p after Holm's correction to each comparison; those without a test stay as they are."""
    tested = [index for index, comparison in enumerate(comparisons) if not math.isnan(comparison.p)]
    adjusted = list(comparisons)
    if tested:
        corrected = multipletests([comparisons[index].p for index in tested], alpha=ALPHA, method="holm")[1]
        for index, p in zip(tested, corrected, strict=True):
            adjusted[index] = replace(comparisons[index], p_holm=float(p))
    return adjusted


def seeds_paired(difference: float, sd: float, n: int) -> int | None:
    """Pairs for an 80 % chance to detect `difference` by a paired t test, if `sd` is its standard deviation."""
    return seeds_at_power(lambda seeds, size: TTestPower().power(size, seeds, ALPHA), difference, sd, n)


def seeds_unpaired(difference: float, sd: float, n: int) -> int | None:
    """Seeds an arm for an 80 % chance to detect `difference` by a two-sample t test, with `sd` within arms."""
    return seeds_at_power(lambda seeds, size: TTestIndPower().power(size, seeds, ALPHA), difference, sd, n)


def seeds_at_power(power: Callable[[int, float], float], difference: float, sd: float, n: int) -> int | None:
    """The least number of seeds above `n` with 80 % power; MOST_SEEDS + 1 if more than MOST_SEEDS are needed."""
    if math.isnan(sd) or math.isnan(difference) or difference == 0:
        return None
    least = max(n + 1, 2)
    if sd == 0:
        return least

    def enough(seeds: int) -> bool:
        return (
            not power(seeds, abs(difference) / sd) < POWER
        )  # NaN, where scipy cannot tell the power from 1, is enough

    candidates = range(least, MOST_SEEDS + 2)
    return candidates[bisect_left(candidates[:-1], True, key=enough)]
