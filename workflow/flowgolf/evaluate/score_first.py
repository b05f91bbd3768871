"""Score-first test-time training of one model on one stream (docs/spec/evaluation.md, E5)."""

import math
import time
from typing import Any

import numpy as np

from flowgolf.data.byte_count import ByteTable
from flowgolf.evaluate.adapt import Adapter, rate_multiplier
from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.model.gpt import GPT
from flowgolf.scoring.compiled import compiled_losses
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.score import TokenStream, total
from flowgolf.scoring.slide import score_segments, windows_of
from flowgolf.scoring.windows import Segment


class ScoreFirst:
    """Test-time training of one model on one stream; `state` and `restore` carry it over a kill to the bit."""

    def __init__(self, gpt: GPT, stream: TokenStream, byte_table: ByteTable, settings: LegalTTTSettings) -> None:
        """Set up; nothing is scored yet."""
        self.gpt, self.stream, self.byte_table, self.settings = gpt, stream, byte_table, settings
        self.windows = windows_of(stream, settings)
        self.num_chunks = -(-self.windows.num_positions // settings.chunk_tokens)
        self.adapter = Adapter(gpt, settings)
        self.compiled = compiled_losses(gpt, settings.compile)
        self.referee = Referee(gpt, stream, Segment(0, self.windows.num_positions), self.windows.num_positions)
        self.next_chunk = 0
        self.sum_nats, self.sum_bytes, self.seconds = 0.0, 0, 0.0
        self.rows: list[dict[str, Any]] = []

    @property
    def ledger(self) -> Ledger:
        """The book of scorings and updates."""
        return self.referee.ledger

    @property
    def nats(self) -> np.ndarray:
        """Nats recorded so far: (positions,) float32."""
        return self.referee.nats

    @property
    def finished(self) -> bool:
        """Whether every position is scored."""
        return self.ledger.frontier == self.windows.num_positions

    def run_chunk(self) -> None:
        """Score the segments that start in the next chunk; then, while others remain to be scored, train on it."""
        started, chunk = time.monotonic(), self.next_chunk
        begin = chunk * self.settings.chunk_tokens
        end = min(begin + self.settings.chunk_tokens, self.windows.num_positions)
        rate = self.settings.lr * rate_multiplier(chunk, self.num_chunks, self.settings.lr_warmup)
        scored_from = self.ledger.frontier
        self.score(begin, end)
        if not self.finished:  # also when no segment starts in the last chunk: nothing is left to gain by training
            with self.referee.updating() as seen:
                self.train(seen, begin, end, rate)
        self.next_chunk += 1
        self.seconds += time.monotonic() - started
        self._add_row(chunk, scored_from, rate)

    def train(self, seen: TokenStream, begin: int, end: int, rate: float) -> None:
        """Train on positions `[begin, end)` that are scored; FloatingPointError with the chunk where that diverges."""
        try:
            self.adapter.train(seen, begin, end, rate, self.ledger)
        except FloatingPointError as error:
            raise FloatingPointError(
                f"legal_ttt: chunk {self.next_chunk} of {self.num_chunks}: {error}: lower evaluate.legal_ttt.lr"
            ) from None

    def score(self, begin: int, end: int) -> None:
        """Score the segments that start in `[begin, end)` with the weights as they stand."""
        indices = self.windows.starting_in(begin, end)
        with self.referee.scoring():
            for _ in score_segments(self.gpt, self.windows, indices, self.referee, self.settings, self.compiled):
                pass

    def _add_row(self, chunk: int, scored_from: int, rate: float) -> None:
        """The chunk's row of the curve."""
        score = total(self.nats[scored_from : self.ledger.frontier], self.byte_table, self.stream, scored_from)
        self.sum_nats += score.nats
        self.sum_bytes += score.bytes
        self.rows.append(
            {
                "chunk": chunk,
                "positions": self.ledger.frontier,
                "running_bpb": self.sum_nats / math.log(2) / self.sum_bytes,
                "chunk_bpb": score.bpb,
                "rate": rate,
                "seconds": round(self.seconds, 3),
            }
        )

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "adapter": self.adapter.state_dict(),
            "referee": self.referee.state(),
            "next_chunk": self.next_chunk,
            "sums": [self.sum_nats, self.sum_bytes, self.seconds],
            "rows": self.rows,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state, which the referee looks at."""
        self.adapter.load_state_dict(state["adapter"])
        self.referee.restore(state["referee"])
        self.next_chunk, self.rows = state["next_chunk"], state["rows"]
        self.sum_nats, self.sum_bytes, self.seconds = state["sums"]
