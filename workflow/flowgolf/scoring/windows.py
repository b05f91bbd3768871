"""Which positions are scored together, and with how much context (docs/spec/evaluation.md, E3).

Position `p` of a stream of `N + 1` tokens predicts token `p + 1`; positions are `0..N-1`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple


class Segment(NamedTuple):
    """Positions `[start, end)`, scored by the window `[end - seq_len, end)`."""

    start: int
    end: int


@dataclass(frozen=True)
class Windows:
    """Segments that cover `num_positions` exactly once: `[0, seq_len)`, then steps of `stride`, the last one shorter.

    Every window is `seq_len` long, so that windows of one batch have one shape.
    """

    num_positions: int
    seq_len: int
    stride: int

    def __post_init__(self) -> None:
        """Refuse a stream shorter than a window."""
        if self.num_positions < self.seq_len:
            raise ValueError(
                f"there are {self.num_positions} positions to score, fewer than one window of {self.seq_len}; "
                "use a smaller seq_len or more validation text"
            )

    def __len__(self) -> int:
        """Number of segments."""
        return 1 + -(-(self.num_positions - self.seq_len) // self.stride)

    def __getitem__(self, index: int) -> Segment:
        """Segment `index`, counted from 0."""
        if not 0 <= index < len(self):
            raise IndexError(f"segment {index} of {len(self)}")
        if index == 0:
            return Segment(0, self.seq_len)
        start = self.seq_len + (index - 1) * self.stride
        return Segment(start, min(start + self.stride, self.num_positions))

    def starting_in(self, begin: int, end: int) -> range:
        """Indices of the segments whose first position lies in `[begin, end)`."""
        return range(self._first_from(begin), self._first_from(end))

    def _first_from(self, position: int) -> int:
        """Index of the first segment that starts at `position` or later."""
        if position <= 0:
            return 0
        return min(len(self), 1 + max(0, -(-(position - self.seq_len) // self.stride)))

    def batches(self, indices: range, batch_windows: int) -> Iterator[list[Segment]]:
        """Consecutive segments of equal length, at most `batch_windows` together.

        A batch never crosses a multiple of `batch_windows`, so that a split at such multiples changes no batch.
        """
        for _, block in groupby(indices, key=lambda index: index // batch_windows):
            segments = (self[index] for index in block)
            for _, equal in groupby(segments, key=lambda segment: segment.end - segment.start):
                yield list(equal)

    def shard(self, index: int, count: int, batch_windows: int) -> range:
        """Indices of shard `index` of `count`: contiguous, of nearly equal size, split between batches."""
        if not 0 <= index < count:
            raise ValueError(f"shard {index} of {count}: shards are counted from 0 to {count - 1}")
        num_batches = -(-len(self) // batch_windows)
        if count > num_batches:
            raise ValueError(f"{count} shards are more than the {num_batches} batches of windows there are to share")
        first, last = (min(len(self), num_batches * k // count * batch_windows) for k in (index, index + 1))
        return range(first, last)
