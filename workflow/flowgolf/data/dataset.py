"""The one place that knows data.json: tokens, byte counts and vocabulary of a study (docs/spec/data.md, D7)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgolf.data.byte_count import ByteTable
from flowgolf.data.shards import Shards
from flowgolf.files import read_json


@dataclass(frozen=True)
class Dataset:
    """The data of a study as data.json describes them; shards are opened on first use, read-only."""

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

    @property
    def train(self) -> Shards:
        """The training tokens."""
        return self._shards("train")

    @property
    def validation(self) -> Shards:
        """The validation tokens."""
        return self._shards("validation")

    @property
    def byte_table(self) -> ByteTable:
        """Bytes of each token."""
        return ByteTable.from_tokenizer(self.folder / self.record["tokenizer"]["path"])

    def _shards(self, part: str) -> Shards:
        return Shards([self.folder / shard["path"] for shard in self.record[part]["shards"]], self.vocab_size)
