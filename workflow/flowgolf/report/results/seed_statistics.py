"""Means, intervals and tests over seeds (docs/spec/legality.md, rule 15), and the verdict that follows.

scipy and statsmodels do the arithmetic; docs/statistics.md says which test is used when, and why.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from flowgolf.report.results.power import ALPHA, MOST_SEEDS, seeds_paired, seeds_unpaired

CONFIDENCE = 0.95
BPB_DECIMALS = 12  # differences beyond these decimals come from the rounding of float64 sums
NAN = float("nan")
NO_SPREAD = "no spread between seeds"


@dataclass(frozen=True)
class Summary:
    """One arm: mean, sample standard deviation (n - 1) and t interval of the mean.

    The interval is NaN if there are too few seeds, or if all of them gave the same figure.
    """

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
    sd: float = NAN
    """Spread that the advice on seeds rests on: of the differences by seed if `paired`, else within arms."""
    paired: bool = True
    p_holm: float = NAN
    """p after Holm's correction over its family; NaN if there is no correction."""
    tests: int = 1
    """Tests in its family."""
    alpha: float = ALPHA
    """What its p would have to be below, were it the next of its family to be resolved."""
    n_arms: tuple[int, int] | None = None
    """Seeds of the treated arm and of the control, if they are not paired."""
    reason: str = ""
    """Why the two sides are not set against each other at all; empty if they are."""

    @property
    def n_text(self) -> str:
        """`n` as printed: `3`, or `3 and 1` for arms without pairs that have different numbers of seeds."""
        return str(self.n) if self.n_arms is None or len(set(self.n_arms)) == 1 else "{} and {}".format(*self.n_arms)

    @property
    def tested(self) -> bool:
        """Whether there is a p."""
        return not math.isnan(self.p)

    @property
    def p_text(self) -> str:
        """`p` as printed in words, beside what it is after the correction, or `uncorrected`."""
        if math.isnan(self.p_holm):
            return f"p = {self.p:.2g} (uncorrected)"
        return f"p = {self.p:.2g} (Holm over {self.tests} test{'s' * (self.tests > 1)}: {self.p_holm:.2g})"

    @property
    def open(self) -> bool:
        """Whether more seeds could still resolve it: a difference is there, and no effect yet."""
        return not self.resolved and self.difference != 0 and not math.isnan(self.difference) and self.sd != 0

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes zero and p after Holm's correction, if there is one, is below 5 %."""
        excludes_zero = self.low > 0 or self.high < 0
        return excludes_zero and not self.p_holm >= ALPHA

    @property
    def seeds_needed(self) -> int | None:
        """Pairs, or seeds an arm, for an 80 % chance to resolve this size; None if the spread is unknown or nought."""
        return (seeds_paired if self.paired else seeds_unpaired)(self.difference, self.sd, self.n, self.alpha)

    @property
    def verdict(self) -> str:
        """What may be said of the difference: `effect ...` only if it is resolved, else what is missing."""
        if self.test == "reference":
            return "the reference itself"
        if self.reason:
            return self.reason
        if self.n == 0:
            return "no seed has both figures yet"
        if self.resolved:
            return f"effect at n = {self.n_text}: {'higher' if self.difference > 0 else 'lower'} bpb"
        return f"not resolved at n = {self.n_text}; {self.advice}"

    @property
    def advice(self) -> str:
        """What would resolve it, or why nothing can be said of that."""
        if self.sd == 0:
            return NO_SPREAD
        if self.difference == 0:
            return "no difference seen"
        needed = self.seeds_needed
        if needed is None:
            return "the spread over seeds is unknown"
        many = f"more than {MOST_SEEDS}" if needed > MOST_SEEDS else f"about {needed}"
        return f"{many} seeds would resolve this size"

    def reversed(self) -> "Comparison":
        """The same with the two sides exchanged."""
        arms = self.n_arms and (self.n_arms[1], self.n_arms[0])
        return replace(self, difference=-self.difference, low=-self.high, high=-self.low, n_arms=arms)


NOTHING = Comparison(NAN, NAN, NAN, NAN, 0, "none")
ITSELF = replace(NOTHING, test="reference")  # the reference compared with itself


def not_comparable(differing: str) -> Comparison:
    """No comparison of two results whose evaluations differ: no difference, no test."""
    return replace(NOTHING, reason=f"not comparable: {differing}")


def summarise(values: Sequence[float] | pd.Series) -> Summary:
    """Summarise an arm's values over its seeds."""
    series = pd.Series(values, dtype=float)
    n = len(series)
    if n < 2:
        return Summary(n, float(series.mean()), NAN, NAN, NAN)
    if constant(series):
        return Summary(n, float(series.iloc[0]), 0.0, NAN, NAN)
    mean, sd = float(series.mean()), float(series.std(ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def constant(values: pd.Series | NDArray[np.float64]) -> bool:
    """Whether all values are the same up to the rounding of float64 sums; their computed sd may be 1e-17."""
    return len(np.unique(values.round(BPB_DECIMALS))) == 1


def pooled_sd(arms: Sequence[pd.Series]) -> float:
    """Standard deviation within arms, pooled over those with two seeds or more; NaN if no arm has two."""
    several = [summarise(arm) for arm in arms if len(arm) > 1]
    freedom = sum(arm.n - 1 for arm in several)
    return math.sqrt(sum(arm.sd**2 * (arm.n - 1) for arm in several) / freedom) if freedom else NAN


def one_sample(differences: pd.Series, spread: float = NAN) -> Comparison:
    """Test differences by seed against zero: the paired t test.

    `spread` is the standard deviation of such differences elsewhere in the study. It serves only to say how many
    seeds would be needed if there is a single difference here; it never makes an interval.
    """
    summary = summarise(differences.round(BPB_DECIMALS))
    if summary.n == 0:
        return NOTHING
    if summary.n == 1:
        return Comparison(summary.mean, NAN, NAN, NAN, 1, "none", spread)
    if summary.sd == 0:
        return Comparison(summary.mean, NAN, NAN, NAN, summary.n, "none", 0.0)
    p = float(stats.ttest_1samp(differences.round(BPB_DECIMALS), 0).pvalue)
    return Comparison(summary.mean, summary.low, summary.high, p, summary.n, "paired t", summary.sd)


def compare(treated: pd.Series, control: pd.Series, spread: float = NAN) -> Comparison:
    """Compare two arms, treated - control, each given as values indexed by seed.

    With two or more seeds in common: paired t test over those. With one in common: its difference without a test, and
    `spread`, the standard deviation within arms, says how many seeds would be needed. With none: see `unpaired`.
    """
    differences = (treated - control).dropna()
    if len(differences) > 1:
        return one_sample(differences)
    if len(differences) == 1:
        return Comparison(float(differences.iloc[0]), NAN, NAN, NAN, 1, "none", spread, paired=False)
    return unpaired(treated, control, spread)


def unpaired(treated: pd.Series, control: pd.Series, spread: float = NAN) -> Comparison:
    """Compare the means of two arms without pairs, by Welch's t test.

    If one arm has a single seed, the test is Student's, with the other arm's spread for both.
    """
    n, arms = min(len(treated), len(control)), (len(treated), len(control))
    if n == 0:
        return NOTHING
    difference = float(treated.mean() - control.mean())
    within = pooled_sd([treated, control])
    if math.isnan(within) or within == 0:
        sd = spread if math.isnan(within) else 0.0
        return Comparison(difference, NAN, NAN, NAN, n, "none", sd, paired=False, n_arms=arms)
    result = stats.ttest_ind(treated, control, equal_var=n == 1)
    low, high = map(float, result.confidence_interval(CONFIDENCE))
    test = "Student t" if n == 1 else "Welch t"
    return Comparison(difference, low, high, float(result.pvalue), n, test, within, paired=False, n_arms=arms)


def holm(family: Sequence[Comparison]) -> list[Comparison]:
    """Add p after Holm's correction to the tests of a family; comparisons without a test only count in the advice.

    The advice on seeds supposes that all open ones of the family, those of a single seed too, are tested in the end:
    the next to be resolved then needs a p below 5 % divided by their number, as Holm's method has it.
    """
    tested = [index for index, comparison in enumerate(family) if comparison.tested]
    adjusted = list(family)
    if tested:
        corrected = multipletests([family[index].p for index in tested], alpha=ALPHA, method="holm")[1]
        for index, p in zip(tested, corrected, strict=True):
            adjusted[index] = replace(family[index], p_holm=float(p), tests=len(tested))
    alpha = ALPHA / max(sum(comparison.open for comparison in adjusted), 1)
    return [replace(comparison, alpha=alpha) for comparison in adjusted]
