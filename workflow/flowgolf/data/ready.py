"""Ready shards, checked and counted where they are: no copy (docs/spec/data.md, D4)."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from flowgolf.data.byte_count import ByteTable, decoded_bytes, load_processor
from flowgolf.data.record import part_record
from flowgolf.data.shards import Shards, Tokens, map_shard
from flowgolf.data.split import DIGEST_BYTES
from flowgolf.files import sha256
from flowgolf.running.progress import Progress

CHUNK_TOKENS = 1 << 22


def ready_record(train: Sequence[Path], validation: Sequence[Path], model_path: str | Path) -> dict[str, Any]:
    """Read every token of the shards once; the record of both parts.

    ValueError for a damaged shard, a token beyond the vocabulary, a part without tokens, and a validation document
    whose tokens do not account for exactly its decoded bytes. Ready shards are used as they are, so training documents
    that repeat a validation document are not dropped but counted as `duplicates_kept`.
    """
    reader = ReadyReader(model_path)
    digests: set[bytes] = set()
    record: dict[str, Any] = {"validation": reader.record("validation", validation, seen=digests)}
    record["train"] = reader.record("train", train, known=digests)
    return {**record, "duplicates_dropped": 0, "duplicates_kept": reader.num_repeated}


class ReadyReader:
    """Reads ready shards once, document by document."""

    def __init__(self, model_path: str | Path) -> None:
        """Load the tokenizer the shards were made with."""
        self.processor = load_processor(model_path)
        self.table = ByteTable.from_processor(self.processor)
        self.num_repeated = 0

    def record(
        self, part: str, paths: Sequence[Path], seen: set[bytes] | None = None, known: set[bytes] | None = None
    ) -> dict[str, Any]:
        """Record of one part. With `seen`, bytes are checked and hashes of the documents added to it; with `known`,
        documents whose hash is in it are counted."""
        shards = Shards(paths, self.processor.vocab_size())
        if len(shards) == 0:
            raise ValueError(f"{paths[0]}: the {part} part is empty: its {len(paths)} shards hold no token")
        progress = Progress(f"{part} shards", len(shards), "tokens")
        num_documents = bytes_scored = done = 0
        last = shards.read(0, 1)
        for document in documents(shards, self.processor.bos_id()):
            bytes_scored += self.table.total(np.concatenate([last, document]))
            num_documents += int(document[0] == self.processor.bos_id())
            digest = blake2b(document.tobytes(), digest_size=DIGEST_BYTES).digest()
            if seen is not None:
                self._check(document, num_documents)
                seen.add(digest)
            self.num_repeated += known is not None and digest in known
            last = document[-1:]
            done += len(document)
            progress.update(done)
        listed = [{"path": str(path), "tokens": len(map_shard(path)), "sha256": sha256(path)} for path in paths]
        return part_record(listed, num_documents, bytes_scored, None)

    def _check(self, document: Tokens, number: int) -> None:
        counted, found = self.table.total(document), decoded_bytes(self.processor, self.table, document)
        if document[0] == self.processor.bos_id() and counted != found:
            raise ValueError(
                f"validation document {number - 1}: its tokens count as {counted} bytes but decode to {found}, so bits "
                "per byte would be wrong with this tokenizer"
            )


def documents(shards: Shards, bos_id: int) -> Iterator[Tokens]:
    """Runs of tokens that start at a BOS (the first may not); a run is cut at CHUNK_TOKENS to bound memory."""
    rest = np.empty(0, dtype=np.uint16)
    for start in range(0, len(shards), CHUNK_TOKENS):
        chunk = shards.read(start, min(CHUNK_TOKENS, len(shards) - start))
        tokens = np.concatenate([rest, chunk])
        borders = [0, *(np.flatnonzero(tokens[1:] == bos_id) + 1).tolist()]
        for begin, end in zip(borders, borders[1:], strict=False):
            yield tokens[begin:end]
        rest = tokens[borders[-1] :]
        if len(rest) >= CHUNK_TOKENS:
            yield rest
            rest = np.empty(0, dtype=np.uint16)
    if len(rest):
        yield rest
