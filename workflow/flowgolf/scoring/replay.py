"""Positions computed again from what stands before them alone, and what they say of the recorded nats (E14)."""

import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.precision import precision_on
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.windows import Segment

SHARE = 64
"""Windows scored for each position that is replayed; a replay costs about as much as a window."""
LEAST = 1
"""Positions replayed in each round, however short."""
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1}
"""Largest difference of one position's nats: rounding of float32, and of bfloat16 in products of another shape."""
BIAS = {"float32": 1e-5, "bfloat16": 2e-3}
"""Largest mean difference, where it lies beyond BIAS_SIGMAS of its standard error."""
BIAS_SIGMAS = 6.0
BIAS_POSITIONS = 30
"""The standard error of fewer positions says too little."""
SUM_TOLERANCE = 1e-4
MAX_LOGITS = 1 << 26
"""Logits computed at once."""

Logits = Callable[[Tensor, int], Tensor]
"""(ids (rows, time), last) -> (rows, last, vocab): what the model gives for the last positions of each row."""


class Window(NamedTuple):
    """A segment and the length of the window that scored it."""

    segment: Segment
    length: int


class Place(NamedTuple):
    """A position to compute again, inside its window."""

    position: int
    begin: int
    length: int

    @property
    def last(self) -> int:
        """Positions of the window from this one on."""
        return self.begin + self.length - self.position


class Replays:
    """Samples of scored positions, compared with the model's full distribution."""

    def __init__(self, device: torch.device, vocab_size: int) -> None:
        """Nothing replayed yet."""
        self.device, self.vocab_size = device, vocab_size
        self.rounds = self.positions = 0
        self.seconds = self.largest = self.sum = self.squares = 0.0
        self.seeds: list[int] = []

    @property
    def tolerance(self) -> float:
        """Largest difference of one position's nats that is rounding."""
        return TOLERANCE[precision_on(self.device)]

    def draw(self, windows: Sequence[Window]) -> tuple[list[Place], np.random.Generator]:
        """A sample of the positions of consecutive segments, from the operating system's randomness."""
        self.seeds.append(secrets.randbits(62))
        rng = np.random.default_rng(self.seeds[-1])
        first, end = windows[0].segment.start, windows[-1].segment.end
        count = min(end - first, max(LEAST, round(len(windows) / SHARE)))
        drawn = first + np.sort(rng.choice(end - first, size=count, replace=False))
        ends = np.array([window.segment.end for window in windows])
        chosen = [windows[index] for index in np.searchsorted(ends, drawn, side="right")]
        places = [
            Place(int(position), window.segment.end - window.length, window.length)
            for position, window in zip(drawn, chosen, strict=True)
        ]
        return places, rng

    def compare(
        self,
        windows: Sequence[Window],
        stream: TokenStream,
        recorded: Callable[[int], float],
        logits: Logits,
        batch_windows: int,
    ) -> None:
        """Replay a sample of a round whose nats are fixed; IllegalEvaluationError where they are not the model's.

        At most `batch_windows` rows are computed at once, as many as the scoring had.
        """
        started = time.monotonic()
        places, rng = self.draw(windows)
        for rows in grouped(places, batch_windows, MAX_LOGITS // self.vocab_size):
            inputs = np.stack([self.prefix(stream, place, rng) for place in rows])
            targets = [int(stream.read(place.position + 1, 1)[0]) for place in rows]
            last = max(place.last for place in rows)
            given = logits(torch.from_numpy(inputs).to(self.device), last)
            own = torch.stack([given[row, last - place.last] for row, place in enumerate(rows)])
            self._judge(rows, own.double().log_softmax(-1).cpu().numpy(), targets, recorded)
        self.rounds += 1
        self.seconds += time.monotonic() - started

    def prefix(self, stream: TokenStream, place: Place, rng: np.random.Generator) -> np.ndarray:
        """The window of a position with every token after the position's own replaced by another: (time,) int64."""
        tokens = stream.read(place.begin, place.length).astype(np.int64)
        later = place.last - 1
        if later and self.vocab_size > 1:
            changed = tokens[-later:] + rng.integers(1, self.vocab_size, size=later)
            tokens[-later:] = changed % self.vocab_size
        return tokens

    def _judge(
        self, places: Sequence[Place], log_p: np.ndarray, targets: Sequence[int], recorded: Callable[[int], float]
    ) -> None:
        """Hold log-probabilities (rows, vocab) against what was recorded."""
        for place, row, target in zip(places, log_p, targets, strict=True):
            off = abs(float(np.exp(row).sum()) - 1)
            if not off <= SUM_TOLERANCE:
                raise IllegalEvaluationError(
                    f"rule 17, replay: the distribution at position {place.position} does not sum to 1 (off by {off})"
                )
            deviation = recorded(place.position) + float(row[target])
            if not abs(deviation) <= self.tolerance:
                raise IllegalEvaluationError(
                    f"rule 17, replay: position {place.position} was recorded with "
                    f"{recorded(place.position):.6f} nats, the tokens before it alone give {-float(row[target]):.6f}"
                )
            self.positions += 1
            self.largest = max(self.largest, abs(deviation))
            self.sum += deviation
            self.squares += deviation**2

    def check_bias(self) -> None:
        """IllegalEvaluationError when the recorded nats lie to one side of the replayed ones, each within bounds."""
        count = max(self.positions, 1)
        mean = self.sum / count
        error = math.sqrt(max(self.squares / count - mean**2, 0.0) / count)
        if count >= BIAS_POSITIONS and abs(mean) > max(BIAS[precision_on(self.device)], BIAS_SIGMAS * error):
            raise IllegalEvaluationError(
                f"rule 17, replay: {self.positions} positions were recorded {mean:+.1e} nats beside what the tokens "
                "before them give, on average"
            )

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {key: value for key, value in vars(self).items() if key not in ("device", "vocab_size")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        vars(self).update(state)

    def proof(self) -> dict[str, Any]:
        """Figures for the evaluation's record; `detects` is the probability of meeting a fault in that share."""
        return {
            "positions": self.positions,
            "rounds": self.rounds,
            "largest_difference": self.largest,
            "mean_difference": self.sum / max(self.positions, 1),
            "tolerance": self.tolerance,
            "detects": detects(self.positions),
        }


def detects(positions: int) -> dict[str, float]:
    """Probability that a sample of so many positions meets a fault in a share of all, by that share."""
    return {str(share): 1 - (1 - share) ** positions for share in (0.1, 0.01, 0.001)}


def grouped(places: Sequence[Place], max_rows: int, max_positions: int) -> Iterator[list[Place]]:
    """Places of one window length together: `max_rows` at most, with `max_positions` of logits unless one has more."""
    rows: list[Place] = []
    for place in places:
        last = max(each.last for each in (place, *rows))
        fits = len(rows) < max_rows and last * (len(rows) + 1) <= max_positions
        if rows and not (fits and rows[0].length == place.length):
            yield rows
            rows = []
        rows.append(place)
    if rows:
        yield rows
