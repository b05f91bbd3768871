"""Sums over scored positions, and bits per byte."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flowgolf.data.byte_count import ByteTable


class TokenStream(Protocol):
    """A sequence of token ids of which stretches can be read."""

    def __len__(self) -> int:
        """Number of tokens."""
        ...

    def read(self, start: int, count: int) -> np.ndarray:
        """Tokens `[start, start + count)`."""
        ...


@dataclass(frozen=True)
class Score:
    """Sums over scored positions; `nats` is summed in float64."""

    nats: float
    tokens: int
    bytes: int

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens

    @property
    def bpb(self) -> float:
        """Bits per byte of text."""
        return self.nats / math.log(2) / self.bytes


PIECE_POSITIONS = 1 << 20


def total(nats: np.ndarray, byte_table: ByteTable, stream: TokenStream, start: int) -> Score:
    """Score of positions `[start, start + len(nats))`, summed in float64."""
    num_bytes = int(byte_counts(byte_table, stream, start, start + len(nats)).sum())
    return Score(nats=float(nats.sum(dtype=np.float64)), tokens=len(nats), bytes=num_bytes)


def byte_counts(byte_table: ByteTable, stream: TokenStream, start: int, end: int) -> np.ndarray:
    """Bytes of text that the targets of positions `[start, end)` stand for: (positions,) uint16."""
    counts = np.zeros(end - start, np.uint16)
    for first in range(start, end, PIECE_POSITIONS):
        tokens = stream.read(first, min(PIECE_POSITIONS, end - first) + 1)
        counts[first - start : first - start + len(tokens) - 1] = byte_table.count(tokens[:-1], tokens[1:])
    return counts


def figures(score: Score) -> dict[str, float | int]:
    """A score as JSON: sums, loss in nats per token, bits per byte."""
    return {"nats": score.nats, "tokens": score.tokens, "bytes": score.bytes, "loss": score.loss, "bpb": score.bpb}
