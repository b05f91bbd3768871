"""Documents to tokens in worker processes: order kept, memory bounded, bytes checked (docs/spec/data.md, D8)."""

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import numpy as np

from flowgolf.data.byte_count import SPACE, ByteTable, decoded_bytes, load_processor
from flowgolf.data.shards import Tokens
from flowgolf.data.split import Splitter

BATCH_CHARACTERS = 1 << 18
BATCHES_PER_WORKER = 3
CHECKED_EVERY = 32
"""Training documents whose bytes are compared with their decoded text: one in so many. Validation: every one."""


@dataclass
class EncodedPart:
    """What a batch adds to one part."""

    tokens: Tokens = field(default_factory=lambda: np.empty(0, dtype=np.uint16))
    documents: int = 0
    bytes_scored: int = 0
    bytes_original: int = 0


@dataclass
class EncodedBatch:
    """The documents of one batch as tokens, each document after its BOS."""

    train: EncodedPart
    validation: EncodedPart
    documents: int
    duplicates: int
    size_bytes: int


class Encoder:
    """Tokenizes batches of documents with one thread."""

    def __init__(self, model_path: str | Path, splitter: Splitter) -> None:
        """Load the tokenizer; ValueError when it has no BOS piece."""
        self.processor = load_processor(model_path)
        if self.processor.bos_id() < 0:
            raise ValueError(f"{model_path}: the tokenizer has no BOS piece, which every document starts with")
        self.table = ByteTable.from_processor(self.processor)
        self.splitter = splitter

    def encode(self, first_index: int, texts: list[str]) -> EncodedBatch:
        """Tokens and counts of the documents `first_index`, `first_index + 1`, ...

        A document whose tokens do not account for exactly its decoded bytes is a ValueError.
        """
        parts = [self.splitter.part(first_index + place, text) for place, text in enumerate(texts)]
        kept = [place for place, part in enumerate(parts) if part != "duplicate"]
        plain = [texts[place].replace(SPACE, " ") for place in kept]
        encoded = self.processor.encode(plain, out_type="numpy", add_bos=True, num_threads=1)
        found = {"train": EncodedPart(), "validation": EncodedPart()}
        collected: dict[str, list[Tokens]] = {"train": [], "validation": []}
        for place, ids in zip(kept, encoded, strict=True):
            part, index = found[parts[place]], first_index + place
            size_bytes = self.table.total(ids)
            if parts[place] == "validation" or index % CHECKED_EVERY == 0:
                self._check(index, ids, size_bytes)
            part.documents += 1
            part.bytes_scored += size_bytes
            part.bytes_original += len(texts[place].encode())
            collected[parts[place]].append(ids.astype(np.uint16))
        for name, part in found.items():
            part.tokens = np.concatenate([part.tokens, *collected[name]])
        duplicates = len(texts) - len(kept)
        size_bytes = sum(len(text.encode()) for text in texts)
        return EncodedBatch(found["train"], found["validation"], len(texts), duplicates, size_bytes)

    def _check(self, index: int, ids: Tokens, size_bytes: int) -> None:
        found = decoded_bytes(self.processor, self.table, ids)
        if found != size_bytes:
            raise ValueError(
                f"document {index}: its tokens count as {size_bytes} bytes but decode to {found}, so bits per byte "
                "would be wrong with this tokenizer"
            )


def batches(documents: Iterable[str]) -> Iterator[list[str]]:
    """Runs of documents of about BATCH_CHARACTERS."""
    batch: list[str] = []
    size = 0
    for text in documents:
        batch.append(text)
        size += len(text) + 1
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Worker:
    """A worker process: it keeps the encoder that it was forked with."""

    encoder: ClassVar[Encoder]

    @classmethod
    def start(cls, encoder: Encoder) -> None:
        """Runs first in the process; Ctrl-C is for its parent, which ends it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        cls.encoder = encoder

    @classmethod
    def encode(cls, first_index: int, texts: list[str]) -> EncodedBatch:
        """`Encoder.encode` inside the process."""
        return cls.encoder.encode(first_index, texts)


def encode_all(
    documents: Iterable[str], encoder: Encoder, num_workers: int, first_index: int = 0
) -> Iterator[EncodedBatch]:
    """Batches in the order of the documents, which start with number `first_index`.

    At most a few batches per worker exist at a time. With one worker everything happens in this process.
    """
    if num_workers == 1:
        for texts in batches(documents):
            yield encoder.encode(first_index, texts)
            first_index += len(texts)
        return
    workers = ProcessPoolExecutor(num_workers, get_context("fork"), Worker.start, (encoder,))
    try:
        workers.submit(Worker.encode, 0, []).result()  # all processes start before any file is open
        waiting: deque[Future[EncodedBatch]] = deque()
        for texts in batches(documents):
            waiting.append(workers.submit(Worker.encode, first_index, texts))
            first_index += len(texts)
            if len(waiting) >= BATCHES_PER_WORKER * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ValueError(
            "a tokenizing worker process was killed, perhaps for lack of memory; run again to go on"
        ) from None
    finally:
        workers.shutdown(cancel_futures=True)
