"""The challenge's binary format: files of uint16 tokens, read through memory maps (docs/spec/data.md, D1)."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flowgolf.files import replacing

MAGIC = 20240520
VERSION = 1
HEADER_INTS = 256
HEADER_BYTES = 4 * HEADER_INTS
TOKEN_BYTES = 2
MAX_SHARD_TOKENS = 100_000_000

Tokens = NDArray[np.uint16]


def header(num_tokens: int) -> bytes:
    """The 1024 bytes before the tokens: 256 little-endian int32, magic, version, token count, rest 0."""
    fields = np.zeros(HEADER_INTS, dtype="<i4")
    fields[:3] = MAGIC, VERSION, num_tokens
    return fields.tobytes()


def write_shard(path: str | Path, tokens: Tokens) -> None:
    """Write one shard atomically: `tokens` is a one-dimensional uint16 array of at most 100,000,000 entries."""
    if tokens.dtype != np.uint16 or tokens.ndim != 1:
        raise ValueError(f"{path}: a shard holds a flat uint16 array, not {tokens.dtype} of shape {tokens.shape}")
    if len(tokens) > MAX_SHARD_TOKENS:
        raise ValueError(f"{path}: a shard holds at most {MAX_SHARD_TOKENS} tokens, not {len(tokens)}")
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header(len(tokens)))
        file.write(tokens.astype("<u2").data)


def map_shard(path: str | Path) -> Tokens:
    """The tokens of one shard as a read-only memory map, uint16; a damaged file is a ValueError that names it."""
    path = Path(path)
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(HEADER_BYTES)
    except OSError as error:
        raise ValueError(f"{path}: shard not readable ({error.strerror})") from None
    if len(start) < HEADER_BYTES:
        raise ValueError(f"{path}: a shard starts with {HEADER_BYTES} bytes of header, found {size_bytes} bytes in all")
    magic, version, num_tokens = (int(field) for field in np.frombuffer(start, dtype="<i4")[:3])
    if magic != MAGIC:
        raise ValueError(f"{path}: not a shard: magic number {MAGIC} expected at offset 0, found {magic}")
    if version != VERSION:
        raise ValueError(f"{path}: shard version {VERSION} expected at offset 4, found {version}")
    if not 0 <= num_tokens <= MAX_SHARD_TOKENS:
        raise ValueError(f"{path}: token count of 0 to {MAX_SHARD_TOKENS} expected at offset 8, found {num_tokens}")
    expected_bytes = HEADER_BYTES + TOKEN_BYTES * num_tokens
    if size_bytes != expected_bytes:
        kind = "truncated" if size_bytes < expected_bytes else "too long"
        raise ValueError(f"{path}: {kind}: {expected_bytes} bytes expected for {num_tokens} tokens, found {size_bytes}")
    return np.memmap(path, dtype="<u2", mode="r")[HEADER_BYTES // TOKEN_BYTES :]


class Shards:
    """Shards read as one stream of tokens, through read-only memory maps.

    With `vocab_size`, every token read is checked against it; one beyond it is a ValueError with file and offset.
    """

    def __init__(self, paths: Sequence[str | Path], vocab_size: int | None = None) -> None:
        """Map the shards; ValueError for a damaged one, or when there is none."""
        if not paths:
            raise ValueError("a token stream needs at least one shard, none given")
        self.paths = [Path(path) for path in paths]
        self.vocab_size = vocab_size
        self._maps = [map_shard(path) for path in self.paths]
        self._ends = list(accumulate(len(tokens) for tokens in self._maps))

    @property
    def lengths(self) -> list[int]:
        """Tokens in each shard."""
        return [len(tokens) for tokens in self._maps]

    def __len__(self) -> int:
        """Tokens in all shards."""
        return self._ends[-1]

    def read(self, start: int, count: int) -> Tokens:
        """Tokens `start` to `start + count` as a new array (count,), across shard borders; ValueError past the end."""
        if start < 0 or count < 0 or start + count > len(self):
            raise ValueError(f"tokens {start} to {start + count} asked of a stream of {len(self)} tokens")
        found = np.empty(count, dtype=np.uint16)
        index, done = bisect_right(self._ends, start), 0
        while done < count:
            offset = start + done - (self._ends[index] - len(self._maps[index]))
            part = self._maps[index][offset : offset + count - done]
            self._check(part, index, offset)
            found[done : done + len(part)] = part
            index, done = index + 1, done + len(part)
        return found

    def read_wrapping(self, position: int, count: int) -> Tokens:
        """`count` tokens from any `position` >= 0 of the endless repetition of the stream, as a new array (count,)."""
        if len(self) == 0:
            raise ValueError(f"{self.paths[0]}: an endless stream needs at least one token, the shards hold none")
        found = np.empty(count, dtype=np.uint16)
        done = 0
        while done < count:
            start = (position + done) % len(self)
            part = self.read(start, min(count - done, len(self) - start))
            found[done : done + len(part)] = part
            done += len(part)
        return found

    def _check(self, part: Tokens, index: int, offset: int) -> None:
        if self.vocab_size is None or len(part) == 0 or int(part.max()) < self.vocab_size:
            return
        position = int(np.argmax(part >= self.vocab_size))
        token, where = part[position], HEADER_BYTES + TOKEN_BYTES * (offset + position)
        raise ValueError(
            f"{self.paths[index]}: token {token} at offset {where} is beyond the vocabulary of {self.vocab_size}"
        )
