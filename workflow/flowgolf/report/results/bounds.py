"""Bounds of a difference that a claim is decided by, at one number of seeds or at all of them (docs/claims.md)."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from flowgolf.report.results.seed_statistics import constant

Values = NDArray[np.float64]
Bounds = tuple[float, float, float]
"""Estimate, lower bound, upper bound."""
EFFECT_SCALE = 3.0
"""Spread of the differences, in their own standard deviations, that the sequence is made for; fixed for all studies."""


def anytime(differences: Values, error_rate: float) -> Bounds:
    """Bounds that hold at every number of seeds at once, with a chance of `error_rate` that any is ever wrong.

    The confidence sequence of the t statistic under a normal mixture: differences are independent and normal, their
    standard deviation unknown. For a candidate m of the true mean, t = sqrt(n) (mean - m) / sd; where m is the true
    one, the likelihood ratio of effect sizes from N(0, EFFECT_SCALE^2) against none is a martingale (Lai 1976), and
    Ville's inequality says how often it is ever large.
    With fewer than three differences, or without a spread, the bounds are infinite: nothing is decided.
    """
    n = len(differences)
    mean = float(differences.mean()) if n else math.nan
    if n < 2:
        return mean, -math.inf, math.inf
    return around(mean, anytime_t(n, error_rate) * sd(differences) / math.sqrt(n))


def around(estimate: float, half: float) -> Bounds:
    """Bounds on both sides of an estimate; none where there is no spread that they could come from."""
    return (estimate, estimate - half, estimate + half) if half > 0 else (estimate, -math.inf, math.inf)


def sd(values: Values) -> float:
    """Sample standard deviation; exactly nought where all values are the same up to the rounding of float64 sums."""
    return 0.0 if constant(values) else float(values.std(ddof=1))


def anytime_t(n: int, error_rate: float) -> float:
    """What |t| has to exceed at n differences; infinite where no t would do."""
    ratio = 1 + n * EFFECT_SCALE**2
    needed = (math.sqrt(ratio) / error_rate) ** (2 / n)
    return math.sqrt((n - 1) * (needed - 1) / (1 - needed / ratio)) if needed < ratio else math.inf


def welch(ours: Values, theirs: Values, error_rate: float) -> Bounds:
    """One-sided bounds of the difference of two means, ours - theirs, by Welch's t; each holds at one look alone."""
    estimate = float(ours.mean() - theirs.mean()) if len(ours) and len(theirs) else math.nan
    if min(len(ours), len(theirs)) < 2 or not max(sd(ours), sd(theirs)) > 0:
        return estimate, -math.inf, math.inf
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(1 - 2 * error_rate)
    return estimate, float(interval.low), float(interval.high)


def one_sample(differences: Values, error_rate: float, sigma: float | None = None) -> Bounds:
    """One-sided bounds of a mean by Student's t, or by z where the standard deviation `sigma` is known; at one look."""
    n = len(differences)
    mean = float(differences.mean()) if n else math.nan
    if n < (1 if sigma else 2):
        return mean, -math.inf, math.inf
    quantile = float(stats.norm.isf(error_rate) if sigma else stats.t.isf(error_rate, n - 1))
    return around(mean, quantile * (sigma or sd(differences)) / math.sqrt(n))
