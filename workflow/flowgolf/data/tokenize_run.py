"""Text to shards in one pass that can be interrupted: finished shards are never made twice (docs/spec/data.md, D8)."""

import hashlib
import json
import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from flowgolf.data.encode import EncodedBatch, Encoder, encode_all
from flowgolf.data.record import part_record
from flowgolf.data.settings import SampleData, TextData
from flowgolf.data.shard_writer import PartState, ShardWriter, shard_path
from flowgolf.data.shards import HEADER_BYTES, TOKEN_BYTES
from flowgolf.data.sources import Documents
from flowgolf.data.split import Splitter, normaliser
from flowgolf.files import read_json, sha256, write_json
from flowgolf.running.progress import Progress

CHECKPOINT_BYTES = 1 << 26
"""Text between two records of how far a run has come, besides those at the end of each shard."""
STEMS = {"train": "train", "validation": "val"}
"""Parts, and what the challenge calls them in the names of shards."""


class TokenizeRun:
    """The way from the documents of a source to its shards, from wherever an earlier attempt stopped.

    `state_dir` holds the shards until all are finished, and state.json: which run it belongs to, how many documents
    are done, and the state of both parts.
    """

    def __init__(self, settings: SampleData | TextData, model_path: Path, state_dir: Path) -> None:
        """Look up in `state_dir` how far an earlier attempt came."""
        self.settings, self.state_dir = settings, state_dir
        self.documents = Documents(settings)
        self.encoder = Encoder(model_path, Splitter(settings.split, self.documents, normaliser(settings)))
        self.identity = identity(settings, self.documents, sha256(model_path))
        self.num_documents = self.num_duplicates = 0
        self.complete = False
        self.parts = {part: PartState() for part in STEMS}
        self._resume()

    def finish(self, num_workers: int, shards_dir: Path) -> dict[str, Any]:
        """Tokenize what is left, move the shards to `shards_dir` and return the record of both parts.

        ValueError when one of the parts has no document.
        """
        if not self.complete:
            self._encode(num_workers)
        for part, state in self.parts.items():
            if state.documents == 0:
                raise ValueError(self._why_empty(part))
        record: dict[str, Any] = {part: self._publish(state, shards_dir) for part, state in self.parts.items()}
        record["duplicates_dropped"] = self.num_duplicates
        return record

    def _stem(self, part: str) -> str:
        return f"{self.settings.prefix}_{STEMS[part]}"

    def _resume(self) -> None:
        """Take over the state of an earlier attempt at the same run, or begin with an empty folder."""
        path = self.state_dir / "state.json"
        if path.is_file():
            state = read_json(path)
            parts = {part: PartState(**state["parts"][part]) for part in STEMS}
            if state["identity"] == self.identity and all(self._is_there(part, parts[part]) for part in STEMS):
                self.num_documents, self.num_duplicates = state["documents"], state["duplicates"]
                self.complete, self.parts = state["complete"], parts
                return
        shutil.rmtree(self.state_dir, ignore_errors=True)
        self.state_dir.mkdir(parents=True)

    def _is_there(self, part: str, state: PartState) -> bool:
        """Whether the files that `state` speaks of are in the folder."""
        expected = [(self.state_dir / shard["name"], shard["tokens"]) for shard in state.shards]
        if state.open_tokens:
            expected.append((shard_path(self.state_dir, self._stem(part), state), state.open_tokens))
        return all(
            path.is_file() and path.stat().st_size >= HEADER_BYTES + TOKEN_BYTES * num_tokens
            for path, num_tokens in expected
        )

    def _encode(self, num_workers: int) -> None:
        """Tokenize the documents that are not done yet."""
        left = islice(self.documents, self.num_documents, None)
        meter = Meter(self.documents)
        with ExitStack() as stack:
            writers = {
                part: stack.enter_context(
                    ShardWriter(self.state_dir, self._stem(part), self.settings.shard_tokens, self.parts[part])
                )
                for part in STEMS
            }
            unsaved_bytes = 0
            for batch in encode_all(left, self.encoder, num_workers, self.num_documents):
                finished_shard = self._take(batch, writers)
                unsaved_bytes += batch.size_bytes
                if finished_shard or unsaved_bytes >= CHECKPOINT_BYTES:
                    for writer in writers.values():
                        writer.flush()
                    self._save()
                    unsaved_bytes = 0
                meter.update(batch.size_bytes)
        self.complete = True
        self._save()
        meter.close()

    def _take(self, batch: EncodedBatch, writers: dict[str, ShardWriter]) -> bool:
        """Write one batch; tells whether that finished a shard."""
        self.num_documents += batch.documents
        self.num_duplicates += batch.duplicates
        finished = [writers["train"].append(batch.train), writers["validation"].append(batch.validation)]
        return any(finished)

    def _save(self) -> None:
        record = {
            "identity": self.identity,
            "documents": self.num_documents,
            "duplicates": self.num_duplicates,
            "complete": self.complete,
            "parts": {part: asdict(state) for part, state in self.parts.items()},
        }
        write_json(self.state_dir / "state.json", record)

    def _why_empty(self, part: str) -> str:
        if self.num_documents == 0:
            return "the corpus is empty: the source has no document"
        split = self.settings.split.model_dump()
        return f"the {part} part is empty: split {split} of {self.num_documents} documents leaves none for it"

    def _publish(self, state: PartState, shards_dir: Path) -> dict[str, Any]:
        """Rename the shards of one part into `shards_dir`; their record."""
        shards_dir.mkdir(parents=True, exist_ok=True)
        shards = []
        for shard in state.shards:
            path = shards_dir / shard["name"]
            (self.state_dir / shard["name"]).replace(path)
            shards.append({"path": str(path), "tokens": shard["tokens"], "sha256": shard["sha256"]})
        return part_record(shards, state.documents, state.bytes_scored, state.bytes_original)


class Meter:
    """Progress in the files of a source, with the rate of text in MB/s."""

    def __init__(self, documents: Documents) -> None:
        """Start the clock."""
        self.documents = documents
        self.progress = Progress("tokens", max(1, documents.total_bytes // 10**6), "MB")
        self.started = time.monotonic()
        self.text_bytes = 0

    def update(self, text_bytes: int) -> None:
        """Tell that `text_bytes` more of text are done."""
        self.text_bytes += text_bytes
        done = min(self.documents.done_bytes // 10**6, self.progress.total - 1)
        self.progress.update(done, rate=self._rate())

    def close(self) -> None:
        """Print the last line, with the mean rate."""
        self.progress.update(self.progress.total, rate=self._rate())

    def _rate(self) -> str:
        return f"{self.text_bytes / 1e6 / max(time.monotonic() - self.started, 1e-9):.1f} MB/s"


def identity(settings: SampleData | TextData, documents: Documents, tokenizer_sha256: str) -> str:
    """Hash of everything that the shards depend on: settings, files, tokenizer."""
    facts = [settings.model_dump(), documents.inventory(), tokenizer_sha256]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
