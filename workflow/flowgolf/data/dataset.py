"""The one place that knows data.json: tokens, byte counts and vocabulary of a study (docs/spec/data.md, D7)."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any

from flowgolf.data.byte_count import ByteTable, load_processor
from flowgolf.data.shards import Shards
from flowgolf.files import read_json, sha256

HASHING_THREADS = 8


@dataclass(frozen=True)
class Dataset:
    """The data of a study as data.json describes them; shards and tokenizer are opened on first use, read-only.

    What is opened must have the SHA-256 that data.json gives for it (rule 19): another file is a ValueError.
    """

    record: dict[str, Any]
    """Content of data.json."""
    folder: Path
    """Folder of data.json, which the paths in it start from."""

    @classmethod
    def open(cls, data_json_path: str | Path) -> "Dataset":
        """Read data.json; ValueError when it is none."""
        path = Path(data_json_path)
        record = read_json(path)
        missing = [key for key in ("tokenizer", "train", "validation") if key not in record]
        if missing:
            raise ValueError(f"{path}: not a data record: {', '.join(missing)} missing")
        return cls(record, path.parent)

    @property
    def vocab_size(self) -> int:
        """Pieces of the tokenizer."""
        return int(self.record["tokenizer"]["vocab_size"])

    @cached_property
    def train(self) -> Shards:
        """The training tokens."""
        return self._shards("train")

    @cached_property
    def validation(self) -> Shards:
        """The validation tokens."""
        return self._shards("validation")

    @cached_property
    def tokenizer_path(self) -> Path:
        """The SentencePiece .model."""
        self.check_files(("tokenizer",))
        return self._path(self.record["tokenizer"])

    @cached_property
    def byte_table(self) -> ByteTable:
        """Bytes of each token."""
        return ByteTable.from_tokenizer(self.tokenizer_path)

    @cached_property
    def bos_id(self) -> int:
        """The token that begins every document; -1 for a tokenizer without one."""
        return int(load_processor(self.tokenizer_path).bos_id())

    def identity(self) -> dict[str, Any]:
        """What a result is of: SHA-256 of the tokenizer, and one for the shards of each part that there is."""
        parts = [part for part in ("train", "validation") if part in self.record]
        return {
            "tokenizer": self.record["tokenizer"]["sha256"],
            **{part: combined(shard["sha256"] for shard in self.record[part]["shards"]) for part in parts},
        }

    def check_files(self, kinds: Iterable[str] = ("tokenizer", "train", "validation")) -> int:
        """Compare files with their digests in data.json; how many there are. ValueError names the first other one."""
        entries = [
            entry
            for kind in kinds
            for entry in ([self.record[kind]] if kind == "tokenizer" else self.record[kind]["shards"])
        ]
        with ThreadPoolExecutor(min(HASHING_THREADS, os.cpu_count() or 1)) as pool:
            found = list(pool.map(file_digest, [self._path(entry) for entry in entries]))
        for entry, digest in zip(entries, found, strict=True):
            if digest != entry.get("sha256"):
                known = str(entry.get("sha256"))[:12]
                raise ValueError(
                    f"{self._path(entry)}: rule 19: not the file that data.json was written for: its SHA-256 is "
                    f"{digest[:12]}, there it was {known}"
                )
        return len(entries)

    def _path(self, entry: dict[str, Any]) -> Path:
        return self.folder / str(entry["path"])

    def _shards(self, part: str) -> Shards:
        shards = Shards([self._path(shard) for shard in self.record[part]["shards"]], self.vocab_size)
        self.check_files((part,))
        return shards


def file_digest(path: Path) -> str:
    """SHA-256 of a file (hex); ValueError when it cannot be read."""
    try:
        return sha256(path)
    except OSError as error:
        raise ValueError(f"{path}: not readable ({error.strerror})") from None


def combined(digests: Iterable[str]) -> str:
    """One SHA-256 (hex) for several in their order."""
    return hash_of(" ".join(digests).encode()).hexdigest()
