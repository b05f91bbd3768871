"""Shards written as a stream that can be taken up again after an interruption."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowgolf.data.encode import EncodedPart
from flowgolf.data.shards import HEADER_BYTES, TOKEN_BYTES, Tokens, header
from flowgolf.files import sha256


@dataclass
class PartState:
    """How far one part (train or validation) has been written."""

    shards: list[dict[str, Any]] = field(default_factory=list)
    """Finished shards: name, tokens, sha256."""
    open_tokens: int = 0
    """Tokens in the shard after them."""
    documents: int = 0
    bytes_scored: int = 0
    bytes_original: int = 0

    @property
    def tokens(self) -> int:
        """Tokens in all shards, the open one included."""
        return self.open_tokens + sum(int(shard["tokens"]) for shard in self.shards)


class ShardWriter:
    """Appends to the shards `{stem}_000000.bin`, ... in `folder`, each of `shard_tokens` tokens, and updates `state`.

    A context: leaving it finishes the last shard, leaving it by an error only closes the file. After `flush`, another
    writer can go on from a copy of `state`.
    """

    def __init__(self, folder: Path, stem: str, shard_tokens: int, state: PartState) -> None:
        """Open the shard that `state` says comes next."""
        self.folder, self.stem, self.shard_tokens, self.state = folder, stem, shard_tokens, state
        self._open()

    def __enter__(self) -> "ShardWriter":
        """The writer itself."""
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Finish the open shard unless there was an error or it is empty."""
        if error is None and self.state.open_tokens:
            self._finish()
        self._file.close()

    def append(self, part: EncodedPart) -> bool:
        """Write a batch; tells whether it finished a shard."""
        shards_before = len(self.state.shards)
        tokens = part.tokens
        while len(tokens):
            tokens = tokens[self._write(tokens) :]
        self.state.documents += part.documents
        self.state.bytes_scored += part.bytes_scored
        self.state.bytes_original += part.bytes_original
        return len(self.state.shards) > shards_before

    def flush(self) -> None:
        """Put everything written so far on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def _open(self) -> None:
        """Open the shard after the finished ones, cut to the tokens that `state` knows of."""
        path = shard_path(self.folder, self.stem, self.state)
        size_bytes = HEADER_BYTES + TOKEN_BYTES * self.state.open_tokens
        self._file = path.open("r+b" if self.state.open_tokens else "w+b")
        self._file.write(header(self.state.open_tokens))
        self._file.truncate(size_bytes)
        self._file.seek(size_bytes)

    def _write(self, tokens: Tokens) -> int:
        """Write what fits into the open shard; the number of tokens written."""
        if self.state.open_tokens == self.shard_tokens:
            self._finish()
            self._file.close()
            self._open()
        fitting = tokens[: self.shard_tokens - self.state.open_tokens]
        self._file.write(fitting.astype("<u2").data)
        self.state.open_tokens += len(fitting)
        return len(fitting)

    def _finish(self) -> None:
        self._file.seek(0)
        self._file.write(header(self.state.open_tokens))
        self.flush()
        path = shard_path(self.folder, self.stem, self.state)
        self.state.shards.append({"name": path.name, "tokens": self.state.open_tokens, "sha256": sha256(path)})
        self.state.open_tokens = 0


def shard_path(folder: Path, stem: str, state: PartState) -> Path:
    """File of the shard that is being written."""
    return folder / f"{stem}_{len(state.shards):06d}.bin"
