"""Order of downgrade, search under a cap, matched plans."""

import re

import pytest

from flowgolf.export.codec import Coding
from flowgolf.export.plan import (
    DoesNotFitError,
    downgrade_order,
    forced_plan,
    int5_layers,
    neediest_plan,
    plans,
    search,
)


def test_blocks_fall_from_the_middle_outward() -> None:
    assert downgrade_order(11) == [5, 6, 4, 7, 3, 8, 2, 9, 1, 10, 0]
    assert downgrade_order(4) == [2, 3, 1, 0]


def test_plans_begin_with_all_int6_and_end_with_all_int5() -> None:
    assert [int5_layers(plan) for plan in plans(3)] == [[], [1], [1, 2], [0, 1, 2]]
    assert list(plans(0)) == [{}]


def test_int5_saves_nothing_where_no_block_has_more() -> None:
    assert list(plans(2, 5)) == [{0: 5, 1: 5}]
    assert list(plans(2, 8)) == [{0: 8, 1: 8}, {0: 8, 1: 5}, {0: 5, 1: 5}]


CODINGS = [Coding("zstd", 16), Coding("zstd", 1)]


def test_search_tries_every_level_of_a_plan_before_the_next_plan() -> None:
    sizes = {(0, 16): 130, (0, 1): 120, (1, 16): 110, (1, 1): 100, (2, 16): 90}
    chosen, attempts = search(plans(2), CODINGS, lambda plan, coding: sizes[len(int5_layers(plan)), coding.level], 100)
    assert (chosen.int5_layers, chosen.coding.level) == ([1], 1)
    assert [attempt.bytes_weights for attempt in attempts] == [130, 120, 110, 100]


def test_the_smallest_coding_of_a_plan_counts_when_asked_for() -> None:
    codings, sizes = [Coding("zstd", 16), Coding("brotli"), Coding("range")], {"zstd": 95, "brotli": 90, "range": 93}
    chosen, attempts = search(plans(1), codings, lambda plan, coding: sizes[coding.codec], 100, smallest=True)
    assert (chosen.coding, chosen.int5_layers) == (Coding("brotli"), [])
    assert [attempt.coding for attempt in attempts] == codings
    chosen, attempts = search(plans(1), codings, lambda plan, coding: sizes[coding.codec], 100)
    assert (chosen.coding, len(attempts)) == (codings[0], 1)


def test_a_search_without_success_tells_the_shortfall_and_the_best_plan() -> None:
    sizes = {0: 120, 1: 110, 2: 107}
    message = "best plan tried (int5 blocks: 0, 1 at level 16) makes 107 bytes, 7 more than the 100 left"
    with pytest.raises(DoesNotFitError, match=re.escape(message)):
        search(plans(2), CODINGS, lambda plan, coding: sizes[len(int5_layers(plan))], 100)


def test_a_forced_plan_fills_up_with_int6() -> None:
    assert forced_plan(3, {1: 5}) == {0: 6, 1: 5, 2: 6}


def test_a_forced_plan_for_a_missing_block_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("plan: block 3 does not exist; the model has 3 blocks, 0 to 2")):
        forced_plan(3, {3: 5})


def test_the_neediest_plan_has_most_int5_blocks() -> None:
    records = [{"plan": {"0": 6, "1": 6}}, {"plan": {"0": 5, "1": 5}}, {"plan": {"0": 6, "1": 5}}]
    assert neediest_plan(records) == {0: 5, 1: 5}
    with pytest.raises(ValueError, match="matched plan: no export records to compare"):
        neediest_plan([])
