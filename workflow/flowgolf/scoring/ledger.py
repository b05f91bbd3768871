"""The book of what was scored and trained, in which order; illegal entries raise (docs/spec/evaluation.md, E9)."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from flowgolf.scoring.windows import Segment


class IllegalEvaluationError(RuntimeError):
    """An evaluation step that the rules of docs/spec/legality.md forbid."""


class Event(NamedTuple):
    """Consecutive scorings of `[begin, end)`, or consecutive training steps with targets inside it."""

    kind: str
    begin: int
    end: int
    steps: int


def training_rounds(events: Sequence[Sequence[Any]]) -> int:
    """Rounds of training in a log of events: updates with no scoring between them are one, wherever their rows lie."""
    return sum(kind == "update" for kind, _ in groupby(event[0] for event in events))


class Ledger:
    """Counts how often each of `num_positions` was scored and keeps the order of scorings and updates.

    Scoring a position twice, or updating on a target that is not yet scored, raises `IllegalEvaluationError`.
    """

    def __init__(self, num_positions: int) -> None:
        """An empty book."""
        self.times_scored = np.zeros(num_positions, dtype=np.uint8)
        self.events: list[Event] = []
        self.least_distance: int | None = None
        self._frontier = 0

    @classmethod
    def replay(cls, num_positions: int, events: Sequence[Sequence[Any]], least_distance: int | None) -> "Ledger":
        """The ledger that wrote `events`; each entry is checked again."""
        ledger = cls(num_positions)
        for kind, begin, end, steps in events:
            if kind == "score":
                ledger.score([Segment(begin, end)])
            else:
                ledger.update([Segment(begin, end)], steps)
        ledger.least_distance = least_distance
        return ledger

    @property
    def frontier(self) -> int:
        """The first position after all scored ones."""
        return self._frontier

    @property
    def training_steps(self) -> int:
        """Steps taken so far."""
        return sum(event.steps for event in self.events)

    def score(self, segments: Sequence[Segment]) -> None:
        """Enter scored segments, before their losses are counted."""
        for start, end in segments:
            counts = self.times_scored[start:end]
            if not 0 <= start < end <= len(self.times_scored):
                raise IllegalEvaluationError(f"positions [{start}, {end}) do not lie in [0, {len(self.times_scored)})")
            if counts.any():
                twice = start + int(np.flatnonzero(counts)[0])
                raise IllegalEvaluationError(f"position {twice} is scored a second time, in [{start}, {end})")
            counts += 1
            self._frontier = max(self._frontier, end)
            self._enter("score", start, end, 0)

    def update(self, rows: Sequence[Segment], steps: int = 1) -> None:
        """Enter training on rows of positions, before the weights change."""
        for start, end in rows:
            if not 0 <= start < end <= len(self.times_scored):
                raise IllegalEvaluationError(f"training rows [{start}, {end}) leave [0, {len(self.times_scored)})")
            counts = self.times_scored[start:end]
            if not counts.all():
                early = start + int(np.flatnonzero(counts == 0)[0])
                raise IllegalEvaluationError(f"training on [{start}, {end}) before position {early} is scored")
        for number, (start, end) in enumerate(rows):
            distance = self._frontier - (end - 1)
            self.least_distance = distance if self.least_distance is None else min(self.least_distance, distance)
            self._enter("update", start, end, steps if number == 0 else 0)

    def _enter(self, kind: str, begin: int, end: int, steps: int) -> None:
        """Append an event, or widen the last one of the same kind where the two touch."""
        last = self.events[-1] if self.events else None
        if last and last.kind == kind and last.begin <= end and begin <= last.end:
            self.events[-1] = Event(kind, min(last.begin, begin), max(last.end, end), last.steps + steps)
        else:
            self.events.append(Event(kind, begin, end, steps))

    def proof(self) -> dict[str, int | None]:
        """Figures for the evaluation's record; the distance is from the last trained position to the frontier."""
        return {
            "positions": len(self.times_scored),
            "positions_scored": int(np.count_nonzero(self.times_scored)),
            "most_times_scored": int(self.times_scored.max(initial=0)),
            "training_steps": self.training_steps,
            "least_distance_to_frontier": self.least_distance,
        }
