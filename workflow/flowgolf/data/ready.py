"""Ready shards, checked and counted where they are: no copy (docs/spec/data.md, D4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowgolf.data.byte_count import ByteTable, load_processor
from flowgolf.data.documents import counted_and_decoded, pieces
from flowgolf.data.record import part_record
from flowgolf.data.shards import Shards, Tokens, map_shard
from flowgolf.files import sha256
from flowgolf.running.progress import Progress


def ready_record(train: Sequence[Path], validation: Sequence[Path], model_path: str | Path) -> dict[str, Any]:
    """Read every token of the shards once; the record of both parts.

    ValueError for a damaged shard, a token beyond the vocabulary, a part without tokens, and a validation document
    whose tokens do not account for exactly its decoded bytes. Ready shards are used as they are: nothing is dropped.
    """
    reader = ReadyReader(model_path)
    parts = {"validation": reader.record(validation, "validation"), "train": reader.record(train, "train")}
    return {**parts, "duplicates_dropped": 0}


class ReadyReader:
    """Reads ready shards once, document by document."""

    def __init__(self, model_path: str | Path) -> None:
        """Load the tokenizer the shards were made with."""
        self.processor = load_processor(model_path)
        self.table = ByteTable.from_processor(self.processor)

    def record(self, paths: Sequence[Path], part: str) -> dict[str, Any]:
        """Record of one part; `bytes_scored` is of the tokens after the first. Validation's bytes are checked."""
        shards = Shards(paths, self.processor.vocab_size())
        if len(shards) == 0:
            raise ValueError(f"{paths[0]}: the {part} part is empty: its {len(paths)} shards hold no token")
        progress = Progress(f"{part} shards", len(shards), "tokens")
        num_documents = bytes_scored = done = 0
        last = np.empty(0, dtype=np.uint16)
        for document, cut in pieces(shards, self.processor.bos_id()):
            bytes_scored += self.table.total(np.concatenate([last, document]))
            num_documents += int(document[0] == self.processor.bos_id())
            if part == "validation" and document[0] == self.processor.bos_id():
                self._check(document, cut, num_documents - 1)
            last = document[-1:]
            done += len(document)
            progress.update(done)
        listed = [{"path": str(path), "tokens": len(map_shard(path)), "sha256": sha256(path)} for path in paths]
        return part_record(listed, num_documents, bytes_scored, None)

    def _check(self, document: Tokens, cut: bool, number: int) -> None:
        counted, found = counted_and_decoded(self.processor, self.table, document, cut)
        if counted != found:
            raise ValueError(
                f"validation document {number}: its tokens count as {counted} bytes but decode to {found}, so bits "
                "per byte would be wrong with this tokenizer"
            )
