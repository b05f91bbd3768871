"""No illegal schedule gets past the ledger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgolf.scoring.ledger import Event, IllegalEvaluationError, Ledger
from flowgolf.scoring.windows import Segment

SIZE = 60
Step = tuple[str, list[Segment]]


@st.composite
def legal_schedules(draw: st.DrawFn) -> list[Step]:
    """Consecutive scorings that reach the end, with training on scored rows in between."""
    schedule: list[Step] = []
    frontier = 0
    while frontier < SIZE:
        end = draw(st.integers(frontier + 1, SIZE))
        schedule.append(("score", [Segment(frontier, end)]))
        frontier = end
        if frontier < SIZE:
            for _ in range(draw(st.integers(0, 2))):
                begin = draw(st.integers(0, frontier - 1))
                schedule.append(("update", [Segment(begin, draw(st.integers(begin + 1, frontier)))]))
    return schedule


def enter(schedule: list[Step]) -> Ledger:
    ledger = Ledger(SIZE)
    for kind, rows in schedule:
        ledger.score(rows) if kind == "score" else ledger.update(rows)
    return ledger


@given(legal_schedules())
def test_a_legal_schedule_is_booked_and_replays_to_the_same_book(schedule: list[Step]) -> None:
    ledger = enter(schedule)
    proof = ledger.proof()
    assert proof["positions_scored"] == SIZE and proof["most_times_scored"] == 1
    assert proof["training_steps"] == sum(kind == "update" for kind, _ in schedule)
    again = Ledger.replay(SIZE, ledger.events, ledger.least_distance)
    assert again.proof() == proof and again.events == ledger.events


@given(legal_schedules(), st.data())
def test_planted_second_scoring_is_caught(schedule: list[Step], data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(schedule)))
    scored = max(row.end for kind, rows in schedule[:place] for row in rows if kind == "score")
    start = data.draw(st.integers(0, scored - 1))
    planted = ("score", [Segment(start, data.draw(st.integers(start + 1, SIZE)))])
    with pytest.raises(IllegalEvaluationError, match="is scored a second time"):
        enter([*schedule[:place], planted, *schedule[place:]])


@given(legal_schedules(), st.data())
def test_planted_training_on_an_unscored_target_is_caught(schedule: list[Step], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(schedule) - 1))
    scored = max((row.end for kind, rows in schedule[:place] for row in rows if kind == "score"), default=0)
    if scored == SIZE:
        return
    begin = data.draw(st.integers(0, SIZE - 1))
    planted = ("update", [Segment(begin, data.draw(st.integers(max(begin, scored) + 1, SIZE)))])
    with pytest.raises(IllegalEvaluationError, match="before position"):
        enter([*schedule[:place], planted, *schedule[place:]])


def test_planted_positions_outside_the_stream_are_caught() -> None:
    with pytest.raises(IllegalEvaluationError, match=r"positions \[5, 11\) do not lie in \[0, 10\)"):
        Ledger(10).score([Segment(5, 11)])
    with pytest.raises(IllegalEvaluationError, match=r"training rows \[5, 11\) leave \[0, 10\)"):
        Ledger(10).update([Segment(5, 11)])


@pytest.mark.parametrize("rows", [Segment(-1, 3), Segment(-3, -1), Segment(4, 4), Segment(5, 3), Segment(10, 11)])
def test_planted_positions_that_are_none_are_caught(rows: Segment) -> None:
    ledger = Ledger(10)
    with pytest.raises(IllegalEvaluationError, match=r"do not lie in \[0, 10\)"):
        ledger.score([rows])
    ledger.score([Segment(0, 10)])
    with pytest.raises(IllegalEvaluationError, match=r"leave \[0, 10\)"):
        ledger.update([rows])


def test_the_first_illegal_position_is_named() -> None:
    ledger = Ledger(10)
    ledger.score([Segment(0, 1), Segment(4, 6)])
    with pytest.raises(IllegalEvaluationError, match=r"position 4 is scored a second time, in \[2, 8\)"):
        ledger.score([Segment(2, 8)])
    with pytest.raises(IllegalEvaluationError, match=r"training on \[4, 9\) before position 6 is scored"):
        ledger.update([Segment(4, 9)])


def test_an_empty_book_says_nought() -> None:
    assert set(Ledger(0).proof().values()) == {0, None}
    assert Ledger(3).frontier == 0
    assert Ledger(3).proof() == {
        "positions": 3, "positions_scored": 0, "most_times_scored": 0, "training_steps": 0,
        "least_distance_to_frontier": None,
    }  # fmt: skip


def test_events_are_joined_only_where_they_touch() -> None:
    ledger = Ledger(12)
    ledger.score([Segment(0, 12)])
    for rows in (Segment(4, 6), Segment(2, 4), Segment(0, 1), Segment(1, 2), Segment(4, 5)):
        ledger.update([rows], steps=2)
    assert ledger.events[1:] == [Event("update", 2, 6, 4), Event("update", 0, 2, 4), Event("update", 4, 5, 2)]
    assert ledger.training_steps == 10


def test_the_event_log_is_short_and_in_order() -> None:
    ledger = Ledger(8)
    ledger.score([Segment(0, 2), Segment(2, 4)])
    for _ in range(3):
        ledger.update([Segment(0, 2), Segment(2, 4)])
    ledger.score([Segment(4, 8)])
    assert ledger.events == [Event("score", 0, 4, 0), Event("update", 0, 4, 3), Event("score", 4, 8, 0)]


def test_the_distance_is_from_the_last_trained_position_to_the_first_unscored() -> None:
    ledger = Ledger(10)
    ledger.score([Segment(0, 6)])
    ledger.update([Segment(0, 4)])
    assert ledger.least_distance == 3
    ledger.update([Segment(2, 6)])
    assert ledger.least_distance == 1
