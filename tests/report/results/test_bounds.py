"""Bounds that claims are decided by: right as often as they say, at one look or at all of them."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from flowgolf.report.results import bounds

RATE = 0.05


def mixture(t: float, n: int) -> float:
    """How much more likely t is under effect sizes from N(0, EFFECT_SCALE^2) than under none, by quadrature."""
    span = 6 * bounds.EFFECT_SCALE

    def weighted(size: float) -> float:
        shifted = stats.nct.pdf(t, n - 1, size * math.sqrt(n))
        return float(shifted * stats.norm.pdf(size, scale=bounds.EFFECT_SCALE))

    return integrate.quad(weighted, -span, span, limit=400)[0] / float(stats.t.pdf(t, n - 1))


@pytest.mark.parametrize("n", [3, 4, 6, 12])
def test_the_threshold_is_where_the_mixture_is_one_over_the_error_rate(n: int) -> None:
    assert mixture(bounds.anytime_t(n, RATE), n) == pytest.approx(1 / RATE, rel=1e-4)


def test_at_every_look_together_they_miss_the_mean_no_more_often_than_stated() -> None:
    drawn = np.random.default_rng(0).normal(0.7, 0.3, (4000, 12))
    missed = np.zeros(len(drawn), dtype=bool)
    for n in range(2, 13):
        found = [bounds.anytime(row[:n], RATE) for row in drawn]
        missed |= [not low <= 0.7 <= high for _, low, high in found]
    assert 0.01 < missed.mean() <= RATE


def test_where_every_look_is_taken_a_t_interval_misses_more_often_than_stated() -> None:
    drawn = np.random.default_rng(0).normal(0, 1, (4000, 12))
    missed = np.zeros(len(drawn), dtype=bool)
    for n in range(3, 13):
        missed |= stats.ttest_1samp(drawn[:, :n], 0, axis=1).pvalue < RATE
    assert missed.mean() > 2 * RATE


def test_shift_and_unit_shift_and_scale_them() -> None:
    values = np.array([0.1, 0.4, 0.2, 0.35, 0.3])
    once = np.array(bounds.anytime(values, RATE))
    assert np.array(bounds.anytime(3 * values + 5, RATE)) == pytest.approx(3 * once + 5)


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.3], [0.2] * 6])
def test_few_values_or_none_without_spread_bound_nothing(values: list[float]) -> None:
    _, low, high = bounds.anytime(np.array(values), RATE)
    assert (low, high) == (-math.inf, math.inf)


def test_the_challenges_rule_is_a_one_sided_welch_test() -> None:
    """The published mean bits of four seeds against another three; a margin is a shift of the null."""
    ours, theirs = np.array([2.100, 2.104, 2.101, 2.103]), np.array([2.110, 2.116, 2.111])
    for margin in np.linspace(0, 0.02, 40):
        p = stats.ttest_ind(ours, theirs - margin, equal_var=False, alternative="less").pvalue
        assert (bounds.welch(ours, theirs, 0.01)[2] < -margin) == (p < 0.01)


def test_a_bar_is_passed_where_the_one_sided_test_says_so() -> None:
    values = np.array([3.2795, 3.2790, 3.2801, 3.2788])
    for bar in np.linspace(3.278, 3.284, 60):
        p = stats.ttest_1samp(values, bar, alternative="less").pvalue
        assert (bounds.one_sample(values - bar, 0.01)[2] < 0) == (p < 0.01)
        z = (values.mean() - bar) / (0.0013 / 2)
        assert (bounds.one_sample(values - bar, 0.01, 0.0013)[2] < 0) == (stats.norm.cdf(z) < 0.01)


@pytest.mark.parametrize("found", [bounds.welch(np.array([1.0]), np.array([1.0, 2.0]), RATE),
                                   bounds.welch(np.array([1.0, 1.0]), np.array([2.0, 2.0]), RATE),
                                   bounds.one_sample(np.array([1.0]), RATE)])  # fmt: skip
def test_one_look_needs_a_spread(found: bounds.Bounds) -> None:
    assert found[1:] == (-math.inf, math.inf)
