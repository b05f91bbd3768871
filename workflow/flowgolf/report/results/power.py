"""How many seeds would resolve a difference: exact power of t tests (docs/statistics.md)."""

import math
from bisect import bisect_left
from collections.abc import Callable

from scipy import stats

ALPHA = 0.05
POWER = 0.80
MOST_SEEDS = 1000
LARGEST_SIZE = 1e6  # in standard deviations: the power is 1 to the last digit, and scipy can still compute it


def power_paired(size: float, seeds: int, alpha: float = ALPHA) -> float:
    """Chance that a paired t test over so many pairs finds a mean of `size` standard deviations of the difference."""
    return two_sided_power(size * math.sqrt(seeds), seeds - 1, alpha)


def power_unpaired(size: float, seeds: int, alpha: float = ALPHA) -> float:
    """Chance that a two-sample t test with so many seeds an arm finds a difference of `size` standard deviations."""
    return two_sided_power(size * math.sqrt(seeds / 2), 2 * seeds - 2, alpha)


def two_sided_power(noncentrality: float, freedom: int, alpha: float) -> float:
    """Chance that |t| exceeds its critical value, t noncentral; exact, as the noncentral F of t squared.

    scipy's noncentral t itself is NaN at one degree of freedom and large effects, where its F is not.
    """
    critical = float(stats.t.isf(alpha / 2, freedom))
    return float(stats.ncf.sf(critical**2, 1, freedom, noncentrality**2))


def seeds_paired(difference: float, sd: float, n: int, alpha: float = ALPHA) -> int | None:
    """Pairs for an 80 % chance to detect `difference` by a paired t test, if `sd` is its standard deviation."""
    return seeds_at_power(power_paired, difference, sd, n, alpha)


def seeds_unpaired(difference: float, sd: float, n: int, alpha: float = ALPHA) -> int | None:
    """Seeds an arm for an 80 % chance to detect `difference` by a two-sample t test, with `sd` within arms."""
    return seeds_at_power(power_unpaired, difference, sd, n, alpha)


def seeds_at_power(
    power: Callable[[float, int, float], float], difference: float, sd: float, n: int, alpha: float
) -> int | None:
    """The least number of seeds above `n` with 80 % power; MOST_SEEDS + 1 if more than MOST_SEEDS are needed.

    None without a difference, and without a spread: one that is unknown (NaN) or nought tells no number.
    """
    if not sd > 0 or math.isnan(difference) or difference == 0:
        return None
    size = min(abs(difference) / sd, LARGEST_SIZE)
    candidates = range(max(n + 1, 2), MOST_SEEDS + 2)
    return candidates[bisect_left(candidates[:-1], True, key=lambda seeds: power(size, seeds, alpha) >= POWER)]
