"""The referee of an evaluation: it keeps the ledger, the recorded nats and the chain of weights, and asks for replays.

A scorer is handed segments and gives back nats; a figure is made of what stands here and of nothing else, once
`finish` has looked at all of it. Nothing here knows the model: it is whatever gives logits for tokens.

What need not be trusted, because it is looked at: the scorer, its windows, compiled code and threads (a sample of every
round is computed again through the model's full distribution, from the tokens before a position alone); what happens
between rounds and while they last (the chain of weights and buffers); the order of scoring and training (the ledger);
the training, as far as it takes its tokens from `updating`, which gives none that is not scored yet.

What is trusted: this module and those it imports; Python, torch and the operating system's randomness; the account
that runs them (whoever can change this process's memory or its code can write any figure; the fingerprint of the code
stands in made_from.json); that the model's code computes from its tokens and its weights and opens no file by itself.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from flowgolf.scoring.chain import Chain
from flowgolf.scoring.ledger import IllegalEvaluationError, Ledger
from flowgolf.scoring.precision import device_of, precision
from flowgolf.scoring.replay import Replays, Window
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.windows import Segment


class Vocabulary(Protocol):
    """What is asked of a model's settings."""

    @property
    def vocab_size(self) -> int:
        """Tokens of the vocabulary."""
        ...


class Judged(Protocol):
    """What is asked of a model, besides its tensors."""

    @property
    def settings(self) -> Vocabulary:
        """Its settings."""
        ...

    def logits(self, input_ids: Tensor, last: int | None = None) -> Tensor:
        """(rows, time) ids -> (rows, last, vocab)."""
        ...


class Seen:
    """The tokens of a stream that have been scored, for whoever trains on them."""

    def __init__(self, stream: TokenStream, ledger: Ledger) -> None:
        """What can be read grows with the ledger."""
        self.stream, self.ledger = stream, ledger

    def __len__(self) -> int:
        """Tokens up to the target of the last scored position."""
        return self.ledger.frontier + 1

    def read(self, start: int, count: int) -> np.ndarray:
        """Tokens `[start, start + count)`; IllegalEvaluationError for one that is not scored yet."""
        if start + count > len(self):
            raise IllegalEvaluationError(
                f"rule 3, score before update: training reads token {start + count - 1}, scored are those before "
                f"{len(self)}"
            )
        return self.stream.read(start, count)


class Referee:
    """Of one evaluation of one model on the positions `span` of a stream, which has `num_positions` in all."""

    def __init__(self, model: Judged, stream: TokenStream, span: Segment, num_positions: int) -> None:
        """Begin with the model's weights as they stand; nothing is scored yet."""
        assert isinstance(model, nn.Module)
        self.model, self.stream, self.span = model, stream, span
        self._logits = model.logits
        self.ledger = Ledger(num_positions)
        self.chain = Chain(model)
        self.replays = Replays(device_of(model), model.settings.vocab_size)
        self.resumed_at: list[int] = []
        self._nats = np.zeros(span.end - span.start, np.float32)
        self._digest = hashlib.sha256()  # of the nats, as they were recorded
        self._recorded = span.start
        self._round: list[Window] | None = None
        self._batch_windows = 1
        self._updated = False

    @property
    def nats(self) -> np.ndarray:
        """Nats of the span, zero where nothing is recorded yet: (positions,) float32, read-only."""
        view = self._nats.view()
        view.flags.writeable = False
        return view

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """A round of scoring takes place inside, under the weights of the last link; then a sample is replayed.

        The weights are looked at again when the next round of anything begins, or at the end.
        """
        self._settle()
        self._round = []
        yield
        windows, self._round = self._round, None
        try:
            if windows:
                self.replays.compare(windows, self.stream, self._nats_at, self._full, self._batch_windows)
        except IllegalEvaluationError:
            self.chain.require(self.model, "while positions were scored")  # the better reason, if it is one
            raise

    def enter(self, batch: Sequence[Segment]) -> None:
        """Book segments of equal length, before they are scored together."""
        if self._round is None:
            raise IllegalEvaluationError("rule 17, replay: positions are scored outside of a round")
        self.ledger.score(batch)
        self._batch_windows = max(self._batch_windows, len(batch))

    def record(self, batch: Sequence[Segment], nats: np.ndarray, length: int) -> None:
        """Keep the nats (positions,) of consecutive segments that windows of `length` scored; never changed again."""
        begin, end = batch[0].start, batch[-1].end
        if self._round is None or begin != self._recorded or end > self.ledger.frontier:
            raise IllegalEvaluationError(f"rule 4, each position once: nats of [{begin}, {end}) come out of turn")
        if len(nats) != end - begin:
            raise IllegalEvaluationError(f"rule 4, each position once: {len(nats)} nats for [{begin}, {end})")
        self._nats[begin - self.span.start : end - self.span.start] = nats
        self._digest.update(np.asarray(nats, np.float32).tobytes())
        self._recorded = end
        self._round += [Window(segment, length) for segment in batch]

    @contextmanager
    def updating(self) -> Iterator[Seen]:
        """Weights may change inside, if the ledger is asked for the steps; gives the tokens to train on."""
        if self._round is not None:
            raise IllegalEvaluationError("rule 3, score before update: training inside a round of scoring")
        self.chain.require(self.model, "while positions were scored, or before the training on them")
        before = self.ledger.training_steps
        yield Seen(self.stream, self.ledger)
        self._updated = self.ledger.training_steps > before

    def _settle(self) -> None:
        """Take what a ledgered update left as the next link; without one, nothing may have changed."""
        if self._updated:
            self.chain.add(self.model)
        else:
            self.chain.require(self.model, "outside of training")
        self._updated = False

    def finish(self) -> np.ndarray:
        """The nats of the whole span; IllegalEvaluationError unless everything is as it has to be."""
        self.chain.require(self.model, "after the last position was scored")
        if self._recorded != self.span.end or self._round is not None:
            raise IllegalEvaluationError(
                f"rule 4, each position once: nats are recorded up to {self._recorded}, {self.span.end} were to score"
            )
        if hashlib.sha256(self._nats.tobytes()).digest() != self._digest.digest():
            raise IllegalEvaluationError("rule 17, replay: recorded nats have changed")
        self.replays.check_bias()
        return self.nats

    def _nats_at(self, position: int) -> float:
        """What is recorded for a position."""
        return float(self._nats[position - self.span.start])

    def _full(self, input_ids: Tensor, last: int) -> Tensor:
        """Logits in the arithmetic of scoring."""
        with torch.inference_mode(), precision(device_of(self.model)):
            return self._logits(input_ids, last=last)

    def state(self) -> dict[str, Any]:
        """What `restore` needs besides the weights."""
        self._settle()
        return {
            "events": [list(event) for event in self.ledger.events],
            "least_distance": self.ledger.least_distance,
            "nats": torch.from_numpy(self._nats[: self._recorded - self.span.start]),
            "chain": self.chain.state(),
            "replays": self.replays.state(),
            "resumed_at": self.resumed_at,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state, whose weights the model has; the ledger's book is entered again, so checked again.

        IllegalEvaluationError for other weights than those of the chain's last link, and for nats without entries.
        """
        self.chain.restore(state["chain"], self.model)
        self.ledger = Ledger.replay(len(self.ledger.times_scored), state["events"], state["least_distance"])
        self._recorded = self.span.start + len(state["nats"])
        if self._recorded != self.ledger.frontier:
            raise IllegalEvaluationError("rule 21, states belong: the state has nats of other positions than its book")
        self._nats[: len(state["nats"])] = state["nats"].numpy()
        self._digest = hashlib.sha256(self._nats[: len(state["nats"])].tobytes())
        self.replays.restore(state["replays"])
        self.resumed_at = [*state["resumed_at"], self._recorded]

    def proof(self, seconds: float) -> dict[str, Any]:
        """Figures for the record of an evaluation that took `seconds` of scoring and training."""
        replay, chain = self.replays, self.chain
        return {
            "ledger": self.ledger.proof(),
            "replay": {**replay.proof(), "seconds": replay.seconds, "share": replay.seconds / seconds},
            "weights": {**chain.proof(), "seconds": chain.seconds, "share": chain.seconds / seconds},
            "resumed_at": self.resumed_at,
        }
