"""How many seeds resolve a size: against numerical integration, simulation, statsmodels and textbooks."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from statsmodels.stats.power import TTestIndPower, TTestPower

from flowgolf.report.results.power import (
    MOST_SEEDS,
    power_paired,
    power_unpaired,
    seeds_paired,
    seeds_unpaired,
)


def integrated(noncentrality: float, freedom: int, alpha: float) -> float:
    """Power of a two-sided t test: the chance given the sample's spread, integrated over that spread."""
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    root = math.sqrt(freedom)

    def density(spread: float) -> float:
        above, below = (stats.norm.cdf(sign * noncentrality - critical * spread) for sign in (1, -1))
        return float((above + below) * stats.chi.pdf(spread * root, freedom) * root)

    turn = noncentrality / critical
    return sum(quad(density, *ends, limit=200)[0] for ends in ((0, turn), (turn, turn + 2), (turn + 2, turn + 12)))


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 9])
@pytest.mark.parametrize("seeds", [2, 3, 5, 40])
@pytest.mark.parametrize("size", [0.1, 0.5, 1.0, 3.0, 11.0, 12.0, 20.0, 40.0])
def test_power_is_that_of_the_noncentral_t(size: float, seeds: int, alpha: float) -> None:
    paired, unpaired = size * math.sqrt(seeds), size * math.sqrt(seeds / 2)
    assert power_paired(size, seeds, alpha) == pytest.approx(integrated(paired, seeds - 1, alpha), abs=1e-7)
    assert power_unpaired(size, seeds, alpha) == pytest.approx(integrated(unpaired, 2 * seeds - 2, alpha), abs=1e-7)


@pytest.mark.parametrize(("ours", "theirs"), [(power_paired, TTestPower()), (power_unpaired, TTestIndPower())])
def test_power_agrees_with_statsmodels_where_that_gives_one(ours: Callable[..., float], theirs: TTestPower) -> None:
    known = 0
    for seeds in (2, 4, 16):
        for size in np.linspace(0.1, 15, 60):
            expected = theirs.power(size, seeds, 0.05)
            if not math.isnan(expected):
                known += 1
                assert ours(size, seeds) == pytest.approx(expected, abs=1e-8)
    assert known > 100


def test_two_pairs_are_named_only_where_two_suffice() -> None:
    """Two pairs have 80 % power from 11.6 standard deviations on; statsmodels says NaN for many sizes around it."""
    sizes = np.linspace(0.1, 20, 200)
    named = np.array([seeds_paired(size, 1.0, 1) == 2 for size in sizes])
    exact = np.array([integrated(size * math.sqrt(2), 1, 0.05) >= 0.8 for size in sizes])
    assert (named == exact).all()
    assert sizes[exact].min() == pytest.approx(11.6, abs=0.05)


def test_textbook_sample_sizes() -> None:
    """Cohen: d = 0.5 takes 64 an arm, or 34 pairs, for 80 % power at 5 %."""
    assert seeds_unpaired(0.5, 1.0, 2) == 64
    assert seeds_paired(0.5, 1.0, 2) == 34


def test_power_is_reached_at_the_number_named_and_not_before() -> None:
    rng = np.random.default_rng(0)
    needed = seeds_paired(0.8, 1.0, 2)
    assert needed is not None
    detected = [
        np.mean(stats.ttest_1samp(rng.normal(0.8, 1.0, (20_000, n)), 0, axis=1).pvalue < 0.05)
        for n in (needed - 2, needed + 1)
    ]
    assert detected[0] < 0.8 < detected[1]


def test_two_pairs_in_a_simulation() -> None:
    drawn = np.random.default_rng(0).normal(14.0, 1.0, (20_000, 2))
    found = np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(power_paired(14.0, 2), abs=0.01)


def test_a_smaller_alpha_takes_more_seeds() -> None:
    assert seeds_paired(1.0, 1.0, 2, 0.05 / 9) > seeds_paired(1.0, 1.0, 2)
    assert seeds_unpaired(1.0, 1.0, 2, 0.05 / 9) > seeds_unpaired(1.0, 1.0, 2)


def test_more_seeds_are_needed_than_there_are() -> None:
    assert seeds_paired(5.0, 1.0, 7) == 8
    assert seeds_paired(1e9, 1.0, 1) == 2
    assert seeds_unpaired(0.0001, 1.0, 2) == MOST_SEEDS + 1


@pytest.mark.parametrize(("difference", "sd"), [(0.0, 1.0), (math.nan, 1.0), (0.1, math.nan), (0.1, 0.0)])
def test_without_a_difference_or_a_spread_no_number_is_named(difference: float, sd: float) -> None:
    assert seeds_paired(difference, sd, 2) is None
    assert seeds_unpaired(difference, sd, 2) is None
