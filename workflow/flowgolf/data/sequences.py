"""Whole sequences of the training shards in a random order without replacement (docs/spec/training.md, T21)."""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from flowgolf.data.shards import Shards, Tokens


class ShuffledSequences:
    """Sequences of `seq_len + 1` tokens: every pass over the shards draws each once, cut at fresh places.

    The order is a function of the seed alone, so a position in it is all that a resumed training needs.
    """

    def __init__(self, shards: Shards, seq_len: int, seed: int) -> None:
        """Map nothing new; a ValueError when no shard holds a whole sequence."""
        if max(shards.lengths) <= seq_len:
            raise ValueError(
                f"{shards.paths[0]}: order shuffled needs a training shard of at least seq_len + 1 = {seq_len + 1} "
                f"tokens, the longest holds {max(shards.lengths)}"
            )
        self.shards, self.seq_len, self.seed = shards, seq_len, seed
        self._ends: list[int] = []  # sequences in the passes up to each
        self._cached: tuple[int, NDArray[np.int64]] | None = None

    def read(self, start: int, count: int) -> Tokens:
        """Sequences `start` to `start + count` of the endless order as a new array (count, seq_len + 1)."""
        rows = [self.shards.read(self._place(index), self.seq_len + 1) for index in range(start, start + count)]
        return np.stack(rows)

    def _place(self, index: int) -> int:
        """The token of the stream at which a sequence of the endless order begins."""
        while not self._ends or index >= self._ends[-1]:
            before = self._ends[-1] if self._ends else 0
            self._ends.append(before + int(self._counts(self._phases(len(self._ends))[1]).sum()))
        number = bisect_right(self._ends, index)
        if self._cached is None or self._cached[0] != number:
            self._cached = number, self._starts(number)
        return int(self._cached[1][index - (self._ends[number - 1] if number else 0)])

    def _phases(self, number: int) -> tuple[np.random.Generator, NDArray[np.int64]]:
        """The generator of a pass, and the first token of each shard that it uses: 0 for one without a sequence."""
        generator = np.random.default_rng([self.seed % 2**63, number])
        spare = np.array(self.shards.lengths) - self.seq_len - 1
        return generator, generator.integers(0, np.clip(spare, 0, self.seq_len - 1), endpoint=True)

    def _counts(self, phases: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sequences in each shard, which share their first and last tokens; 0 for a shard that is too short."""
        counts: NDArray[np.int64] = np.maximum(np.array(self.shards.lengths) - 1 - phases, 0) // self.seq_len
        return counts

    def _starts(self, number: int) -> NDArray[np.int64]:
        """Tokens of the stream at which the sequences of a pass begin, in their order."""
        generator, phases = self._phases(number)
        counts = self._counts(phases)
        firsts = np.cumsum([0, *self.shards.lengths[:-1]]) + phases
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return generator.permutation(np.repeat(firsts, counts) + within * self.seq_len)
