"""Statistics over seeds: against scipy's own functions, worked examples, and the words that follow."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from flowgolf.report.results.seed_statistics import (
    MOST_SEEDS,
    Comparison,
    compare,
    holm,
    one_sample,
    pooled_sd,
    seeds_paired,
    seeds_unpaired,
    summarise,
    unpaired,
)

SLIDING = [1.12311579, 1.12366996, 1.12077485]


def arm(*values: float, seeds: tuple[int, ...] = (42, 1337, 2025, 7, 8)) -> pd.Series:
    return pd.Series(values, index=seeds[: len(values)], dtype=float)


def test_summary_of_the_published_seeds() -> None:
    summary = summarise(SLIDING)
    assert summary.n == 3
    assert f"{summary.mean:.5f} {summary.sd:.5f}" == "1.12252 0.00154"
    low, high = stats.t.interval(0.95, 2, loc=np.mean(SLIDING), scale=stats.sem(SLIDING))
    assert (summary.low, summary.high) == pytest.approx((low, high), abs=1e-12)


def test_one_seed_has_a_mean_and_no_spread() -> None:
    summary = summarise([1.2])
    assert (summary.n, summary.mean) == (1, 1.2)
    assert all(map(math.isnan, (summary.sd, summary.low, summary.high)))


def test_no_seed_has_nothing() -> None:
    assert summarise([]).n == 0


def test_shared_seeds_are_paired() -> None:
    treated, control = arm(1.12, 1.13, 1.15), arm(1.11, 1.125, 1.137)
    result = compare(treated, control)
    paired = stats.ttest_rel(treated, control)
    assert result.test == "paired t" and result.n == 3
    assert result.p == pytest.approx(paired.pvalue)
    interval = paired.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))


def test_pairing_goes_by_seed_and_not_by_order() -> None:
    treated, control = arm(1.12, 1.13, 1.15), arm(1.11, 1.125, 1.137)
    assert compare(treated, control[::-1]).p == pytest.approx(compare(treated, control).p)


def test_seeds_that_one_arm_lacks_are_left_out_of_a_pairing() -> None:
    result = compare(arm(1.12, 1.13, 1.15), arm(1.11, 1.125))
    assert result.n == 2
    assert result.difference == pytest.approx(0.0075)


def test_other_seeds_are_compared_by_welch() -> None:
    treated, control = arm(1.12, 1.13, 1.15), arm(1.11, 1.1, seeds=(1, 2))
    result = compare(treated, control)
    assert result.test == "Welch t" and result.n_text == "3 and 2"
    assert result.p == pytest.approx(stats.ttest_ind(treated, control, equal_var=False).pvalue)


def test_one_seed_against_three_uses_the_spread_of_the_three() -> None:
    """The published comparison of the flow matcher with the base: p about 0.5."""
    result = unpaired(arm(*SLIDING), arm(1.12106))
    assert result.test == "Student t"
    assert result.p == pytest.approx(0.5, abs=0.01)
    assert result.verdict.startswith("not resolved at n = 3 and 1; about")


def test_one_shared_seed_gives_a_difference_without_a_test() -> None:
    result = compare(arm(*SLIDING), arm(1.12106), spread=pooled_sd([arm(*SLIDING)]))
    assert result.difference == pytest.approx(0.00205579)
    assert math.isnan(result.p) and math.isnan(result.low)
    assert result.verdict == "not resolved at n = 1; about 10 seeds would resolve this size"


def test_without_any_spread_no_number_of_seeds_is_named() -> None:
    assert compare(arm(1.2), arm(1.1)).verdict == "not resolved at n = 1; the spread over seeds is unknown"
    assert compare(arm(1.2), arm(1.1, seeds=(9,))).verdict == "not resolved at n = 1; the spread over seeds is unknown"


def test_arms_without_values_say_so() -> None:
    assert compare(arm(), arm(1.1)).verdict == "no seed has both figures yet"
    assert one_sample(arm()).verdict == "no seed has both figures yet"


def test_equal_arms_differ_by_nothing() -> None:
    result = compare(arm(1.1, 1.2, 1.3), arm(1.1, 1.2, 1.3))
    assert result.p == 1.0
    assert result.verdict == "not resolved at n = 3; no difference seen"


def test_rounding_noise_is_no_effect() -> None:
    control = arm(1.1, 1.2, 1.3)
    assert not compare(control + 4e-16, control).resolved


def test_constant_arms_without_shared_seeds() -> None:
    result = unpaired(arm(1.2, 1.2), arm(1.1, 1.1, seeds=(1, 2)))
    assert (result.low, result.high, result.p) == pytest.approx((0.1, 0.1, 0.0))


@settings(deadline=None)
@given(
    st.lists(st.floats(-0.01, 0.01), min_size=2, max_size=5),
    st.lists(st.floats(-0.01, 0.01), min_size=2, max_size=5),
    st.booleans(),
)
def test_planted_the_word_effect_never_stands_beside_an_interval_with_zero(
    treated: list[float], control: list[float], shared: bool
) -> None:
    seeds = (42, 1337, 2025, 7, 8) if shared else (1, 2, 3, 4, 5)
    result = compare(arm(*treated), arm(*control, seeds=seeds))
    includes_zero = not (result.low > 0 or result.high < 0)
    assert result.verdict.startswith("not resolved" if includes_zero else "effect")


def test_an_effect_names_its_direction() -> None:
    assert compare(arm(1.2, 1.21, 1.2), arm(1.1, 1.11, 1.101)).verdict == "effect at n = 3: higher bpb"
    assert compare(arm(1.1, 1.11, 1.101), arm(1.2, 1.21, 1.2)).verdict == "effect at n = 3: lower bpb"


def test_holm_multiplies_the_smallest_p_by_the_number_of_tests() -> None:
    made = [Comparison(0.1, 0.05, 0.2, p, 3, "paired t", 4) for p in (0.01, 0.04, 0.03)]
    adjusted = holm(made)
    assert [c.p_holm for c in adjusted] == pytest.approx([0.03, 0.06, 0.06])
    assert [c.resolved for c in adjusted] == [True, False, False]
    assert adjusted[1].verdict == "not resolved at n = 3; about 4 seeds would resolve this size"


def test_holm_passes_over_comparisons_without_a_test() -> None:
    untested = compare(arm(1.2), arm(1.1))
    tested = Comparison(0.1, 0.05, 0.2, 0.04, 3, "paired t", 4)
    adjusted = holm([untested, tested])
    assert math.isnan(adjusted[0].p_holm) and adjusted[1].p_holm == pytest.approx(0.04)
    assert holm([untested]) == [untested]


def test_pooled_sd_weighs_by_degrees_of_freedom() -> None:
    assert pooled_sd([arm(1.0, 3.0), arm(1.0, 2.0, 3.0), arm(5.0)]) == pytest.approx(math.sqrt((2.0 + 2.0) / 3))
    assert math.isnan(pooled_sd([arm(1.0)]))


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


def test_more_seeds_are_needed_than_there_are() -> None:
    assert seeds_paired(5.0, 1.0, 7) == 8
    assert seeds_paired(0.1, 0.0, 2) == 3
    assert seeds_paired(100.0, 1.0, 1) == 2
    assert seeds_unpaired(0.0001, 1.0, 2) == MOST_SEEDS + 1
    assert seeds_unpaired(0.0, 1.0, 2) is None


def test_a_hopeless_size_says_more_than() -> None:
    result = one_sample(arm(0.1, -0.1, 0.0001))
    assert result.verdict == "not resolved at n = 3; more than 1000 seeds would resolve this size"
