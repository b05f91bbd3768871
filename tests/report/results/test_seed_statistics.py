"""Statistics over seeds: against scipy's own functions, worked examples, and the words that follow."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from flowgolf.report.results.power import seeds_paired
from flowgolf.report.results.seed_statistics import (
    Comparison,
    compare,
    holm,
    not_comparable,
    one_sample,
    pooled_sd,
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


def test_one_difference_within_a_training_is_planned_by_the_spread_of_such_differences() -> None:
    """The middle study's rates of TTT: `about 53 seeds`, where the difference itself hardly varies over seeds."""
    assert one_sample(arm(0.00171), spread=0.0004).seeds_needed == 3
    assert compare(arm(1.54921), arm(1.54750), spread=0.00308).seeds_needed == 52


def test_without_any_spread_no_number_of_seeds_is_named() -> None:
    assert compare(arm(1.2), arm(1.1)).verdict == "not resolved at n = 1; the spread over seeds is unknown"
    assert compare(arm(1.2), arm(1.1, seeds=(9,))).verdict == "not resolved at n = 1; the spread over seeds is unknown"


def test_arms_without_values_say_so() -> None:
    assert compare(arm(), arm(1.1)).verdict == "no seed has both figures yet"
    assert one_sample(arm()).verdict == "no seed has both figures yet"


def test_planted_a_difference_without_spread_is_not_tested() -> None:
    for control in (arm(1.1, 1.2, 1.3), arm(1.0, 1.1, 1.2)):
        result = compare(arm(1.1, 1.2, 1.3), control)
        assert result.n == 3 and result.test == "none"
        assert all(map(math.isnan, (result.p, result.low, result.high)))
        assert result.verdict == "not resolved at n = 3; no spread between seeds"


def test_an_arm_without_spread_has_no_interval() -> None:
    summary = summarise([0.1 + 0.2, 0.3, 0.3])
    assert (summary.n, summary.sd) == (3, 0.0)
    assert summary.mean == pytest.approx(0.3)
    assert math.isnan(summary.low) and math.isnan(summary.high)


def test_rounding_noise_is_no_effect() -> None:
    control = arm(1.1, 1.2, 1.3)
    assert not compare(control + 4e-16, control).resolved


def test_planted_constant_arms_without_shared_seeds_are_not_tested() -> None:
    result = unpaired(arm(1.2, 1.2), arm(1.1, 1.1, seeds=(1, 2)))
    assert result.difference == pytest.approx(0.1)
    assert all(map(math.isnan, (result.p, result.low, result.high)))
    assert result.verdict == "not resolved at n = 2; no spread between seeds"


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
    assert result.p != 0


def test_exchanged_sides_turn_the_signs() -> None:
    result = unpaired(arm(1.12, 1.13, 1.15), arm(1.11, 1.1, seeds=(1, 2)))
    assert result.reversed() == unpaired(arm(1.11, 1.1, seeds=(1, 2)), arm(1.12, 1.13, 1.15))


def test_an_effect_names_its_direction() -> None:
    assert compare(arm(1.2, 1.21, 1.2), arm(1.1, 1.11, 1.101)).verdict == "effect at n = 3: higher bpb"
    assert compare(arm(1.1, 1.11, 1.101), arm(1.2, 1.21, 1.2)).verdict == "effect at n = 3: lower bpb"


def with_p(p: float, sd: float = 0.1, low: float = 0.05) -> Comparison:
    return Comparison(0.1, low, 0.2, p, 3, "paired t", sd)


def test_holm_multiplies_the_smallest_p_by_the_number_of_tests() -> None:
    adjusted = holm([with_p(p) for p in (0.01, 0.04, 0.03)])
    assert [c.p_holm for c in adjusted] == pytest.approx([0.03, 0.06, 0.06])
    assert [c.resolved for c in adjusted] == [True, False, False]
    assert adjusted[1].p_text == "p = 0.04 (Holm over 3 tests: 0.06)"
    assert with_p(0.04).p_text == "p = 0.04 (uncorrected)"


def test_advice_supposes_the_correction_of_the_verdict() -> None:
    """One of three is resolved: Holm then asks of the next a p below 5 % divided by the two that are left."""
    resolved, *others = holm([with_p(p) for p in (0.01, 0.04, 0.03)])
    assert resolved.verdict == "effect at n = 3: higher bpb"
    for found in others:
        assert found.alpha == pytest.approx(0.025)
        assert found.seeds_needed == seeds_paired(0.1, 0.1, 3, 0.025) == 13
        assert found.verdict == "not resolved at n = 3; about 13 seeds would resolve this size"


def test_advice_counts_what_is_still_to_be_tested_and_not_what_never_can_be() -> None:
    untested, same = compare(arm(1.2), arm(1.1), spread=0.1), compare(arm(1.1, 1.2), arm(1.0, 1.1))
    assert [found.alpha for found in holm([untested, untested, same])] == pytest.approx([0.025] * 3)


def test_holm_passes_over_comparisons_without_a_test() -> None:
    untested = compare(arm(1.2), arm(1.1))
    adjusted = holm([untested, with_p(0.04)])
    assert math.isnan(adjusted[0].p_holm) and adjusted[1].p_holm == pytest.approx(0.04)
    assert holm([untested]) == [untested]


def test_an_effect_after_holm_and_its_interval_are_both_asked_for() -> None:
    assert not holm([with_p(0.01, low=-0.05)])[0].resolved


def test_a_bound_at_zero_or_a_p_at_the_limit_is_no_effect() -> None:
    assert with_p(0.01).resolved and with_p(0.01).reversed().resolved
    for at_zero in (with_p(0.01, low=0.0), with_p(0.01, low=0.0).reversed()):
        assert not at_zero.resolved
    assert replace(with_p(0.01), p_holm=0.0499).resolved
    assert not replace(with_p(0.01), p_holm=0.05).resolved


def test_results_that_differ_in_their_evaluation_are_not_compared() -> None:
    found = not_comparable("stride 64 and 32")
    assert found.verdict == "not comparable: stride 64 and 32" and not found.open
    assert math.isnan(found.difference) and holm([found])[0].verdict == found.verdict


def test_pooled_sd_weighs_by_degrees_of_freedom() -> None:
    assert pooled_sd([arm(1.0, 3.0), arm(1.0, 2.0, 3.0), arm(5.0)]) == pytest.approx(math.sqrt((2.0 + 2.0) / 3))
    assert math.isnan(pooled_sd([arm(1.0)]))


def test_a_hopeless_size_says_more_than() -> None:
    result = one_sample(arm(0.1, -0.1, 0.0001))
    assert result.verdict == "not resolved at n = 3; more than 1000 seeds would resolve this size"
