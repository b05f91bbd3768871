"""What the referee refuses, step by step, and what a sample of replays says."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flowgolf.scoring import replay
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.replay import Place, Window, detects, grouped
from flowgolf.scoring.windows import Segment

VOCAB, POSITIONS, LENGTH = 7, 24, 4


class Counts(nn.Module):
    """A model whose logits are a function of the last two tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = SimpleNamespace(vocab_size=VOCAB)
        self.table = nn.Parameter(torch.randn(VOCAB, VOCAB, generator=torch.Generator().manual_seed(0)))

    def logits(self, input_ids: Tensor, last: int | None = None) -> Tensor:
        before = torch.nn.functional.pad(input_ids[:, :-1], (1, 0))
        return (self.table[input_ids] + 0.5 * self.table[before])[:, -(last or 0) :]


class Stream:
    """Tokens in memory."""

    def __init__(self) -> None:
        self.tokens = np.random.default_rng(0).integers(0, VOCAB, POSITIONS + 1).astype(np.uint16)

    def __len__(self) -> int:
        return len(self.tokens)

    def read(self, start: int, count: int) -> np.ndarray:
        return self.tokens[start : start + count].copy()


@pytest.fixture
def referee() -> Referee:
    """Of a small model on a small stream."""
    return Referee(Counts(), Stream(), Segment(0, POSITIONS), POSITIONS)


def honest(referee: Referee, segment: Segment) -> np.ndarray:
    """What the model gives for the positions of a segment that is its own window."""
    ids = torch.from_numpy(referee.stream.read(segment.start, segment.end - segment.start + 1).astype(np.int64))
    log_p = referee.model.logits(ids[None, :-1])[0].log_softmax(-1)
    return -log_p.gather(1, ids[1:, None])[:, 0].detach().numpy()


def score(
    referee: Referee, segments: list[Segment], change: Callable[[np.ndarray], np.ndarray] = lambda it: it
) -> None:
    """Enter and record segments."""
    for segment in segments:
        referee.enter([segment])
        referee.record([segment], change(honest(referee, segment)), LENGTH)


SEGMENTS = [Segment(start, start + LENGTH) for start in range(0, POSITIONS, LENGTH)]


def test_honest_scoring_and_training_pass(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS[:3])
    with referee.updating() as seen:
        assert len(seen) == 13 and list(seen.read(0, 13)) == list(referee.stream.read(0, 13))
        referee.ledger.update([SEGMENTS[0]])
        referee.model.table.data.mul_(1.1)
    with referee.scoring():
        score(referee, SEGMENTS[3:])
    assert len(referee.finish()) == POSITIONS
    assert (referee.chain.length, referee.replays.rounds, referee.replays.positions) == (2, 2, 2)
    assert not referee.nats.flags.writeable


def twice_as_good(nats: np.ndarray) -> np.ndarray:
    return nats / 2


def one_short(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS[:-1])
    referee.finish()


def flattered(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS, twice_as_good)


def not_a_number(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS, lambda nats: nats * np.nan)


def outside(referee: Referee) -> None:
    score(referee, SEGMENTS[:1])


def out_of_turn(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS[1:2])


def not_entered(referee: Referee) -> None:
    with referee.scoring():
        referee.record(SEGMENTS[:1], honest(referee, SEGMENTS[0]), LENGTH)


def too_few(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS[:1], lambda nats: nats[1:])


def training_inside(referee: Referee) -> None:
    with referee.scoring(), referee.updating():
        pass


def reads_ahead(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS[:2])
    with referee.updating() as seen:
        seen.read(5, 5)


def without_the_ledger(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS)
    with referee.updating():
        referee.model.table.data.mul_(1.1)
    referee.finish()


def changed_later(referee: Referee) -> None:
    with referee.scoring():
        score(referee, SEGMENTS)
    referee._nats[3] = 0
    referee.finish()


def no_distribution(referee: Referee) -> None:
    referee._logits = lambda ids, last: torch.full((len(ids), last, VOCAB), torch.nan)
    with referee.scoring():
        score(referee, SEGMENTS)


REFUSED: dict[str, tuple[Callable[[Referee], None], str]] = {
    "a segment left out": (one_short, "rule 4, each position once: nats are recorded up to 20, 24 were to score"),
    "flattered nats": (
        flattered,
        r"rule 17, replay: position \d+ was recorded with .* nats, the tokens before it alone",
    ),
    "nats that are no number": (not_a_number, r"rule 17, replay: position \d+ was recorded with nan nats"),
    "scoring outside of a round": (outside, "rule 17, replay: positions are scored outside of a round"),
    "nats out of turn": (out_of_turn, r"rule 4, each position once: nats of \[4, 8\) come out of turn"),
    "nats of what was not entered": (not_entered, r"rule 4, each position once: nats of \[0, 4\) come out of turn"),
    "fewer nats than positions": (too_few, r"rule 4, each position once: 3 nats for \[0, 4\)"),
    "training inside a round": (training_inside, "rule 3, score before update: training inside a round of scoring"),
    "training on what comes": (reads_ahead, "rule 3, score before update: training reads token 9, scored are those"),
    "training without the ledger": (without_the_ledger, "rule 18, .*: the weights changed after the last position"),
    "nats that change later": (changed_later, "rule 17, replay: recorded nats have changed"),
    "logits that are no distribution": (no_distribution, r"rule 17, replay: the distribution at position \d+ does not"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_step_is_refused(name: str, referee: Referee) -> None:
    step, message = REFUSED[name]
    with pytest.raises(IllegalEvaluationError, match=message):
        step(referee)


def test_a_small_lean_to_one_side_is_found_in_many_positions(referee: Referee, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "LEAST", POSITIONS)
    with referee.scoring():
        score(referee, SEGMENTS, lambda nats: nats - 5e-5)
    referee.replays.positions *= 2
    referee.replays.sum *= 2
    referee.replays.squares *= 2
    with pytest.raises(
        IllegalEvaluationError, match=r"rule 17, replay: 48 positions were recorded -5.0e-05 nats beside"
    ):
        referee.finish()


def test_later_tokens_are_all_others_and_earlier_ones_stay(referee: Referee) -> None:
    rng, tokens = np.random.default_rng(0), referee.stream.tokens.astype(np.int64)
    for position in range(8, 12):
        row = referee.replays.prefix(referee.stream, Place(position, 8, LENGTH), rng)
        kept = position - 8 + 1
        assert list(row[:kept]) == list(tokens[8 : position + 1])
        assert all(row[kept:] != tokens[position + 1 : 12])
        assert row.max() < VOCAB


def test_every_position_can_be_drawn_and_never_twice(referee: Referee) -> None:
    windows = [Window(segment, LENGTH) for segment in SEGMENTS]
    drawn = [place.position for _ in range(200) for place in referee.replays.draw(windows)[0]]
    assert set(drawn) == set(range(POSITIONS))
    assert len(drawn) == 200 and len(set(referee.replays.seeds)) == 200


def test_rows_are_grouped_by_length_and_by_what_they_cost() -> None:
    places = [Place(0, 0, 8), Place(9, 4, 8), Place(10, 4, 8), Place(13, 6, 8), Place(14, 13, 2)]
    assert [len(rows) for rows in grouped(places, 2, 100)] == [2, 2, 1]
    assert [len(rows) for rows in grouped(places, 9, 9)] == [1, 3, 1]


def test_what_a_sample_detects() -> None:
    assert detects(100)["0.01"] == pytest.approx(1 - 0.99**100)
