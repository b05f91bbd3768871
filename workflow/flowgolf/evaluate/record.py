"""What an evaluation leaves: the result as JSON, and the loss of each position (spec/evaluation.md)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowgolf import provenance
from flowgolf.data.byte_count import ByteTable
from flowgolf.evaluate.score import byte_counts, device_of
from flowgolf.evaluate.settings import WindowSettings
from flowgolf.files import replacing
from flowgolf.model.gpt import GPT
from flowgolf.model.roundtrip import Score, TokenStream

BOS = 1  # spec/data.md: every document starts with it


def figures(score: Score) -> dict[str, float | int]:
    """A score as JSON: sums, loss in nats per token, bits per byte."""
    return {"nats": score.nats, "tokens": score.tokens, "bytes": score.bytes, "loss": score.loss, "bpb": score.bpb}


def result(
    evaluation: str,
    score: Score,
    settings: WindowSettings,
    artifact_sha256: str,
    seconds: float,
    num_positions: int,
    gpt: GPT,
) -> dict[str, Any]:
    """The figures that every evaluation leaves; `partial` when fewer than the stream's `num_positions` are scored."""
    return {
        "evaluation": evaluation,
        **figures(score),
        "partial": score.tokens < num_positions,
        "settings": settings.model_dump(mode="json"),
        "artifact_sha256": artifact_sha256,
        "seconds": seconds,
        "tokens_per_second": score.tokens / seconds,
        "device": str(device_of(gpt)),
        **provenance.run_record(),
    }


def write_nats(path: str | Path, nats: np.ndarray, byte_table: ByteTable, stream: TokenStream, start: int) -> None:
    """Keep the loss of each position from `start`, with what paired tests need beside it.

    Arrays: `nats` (positions,) float32; `bytes` (positions,) uint16; `starts_document` (positions,) bool, true where
    the predicted token opens a document; `first_position` ().
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            nats=nats,
            bytes=byte_counts(byte_table, stream, start, start + len(nats)),
            starts_document=stream.read(start + 1, len(nats)) == BOS,
            first_position=np.int64(start),
        )


def merge_nats(part_paths: Sequence[str | Path], path: str | Path) -> None:
    """Join the kept losses of consecutive parts of a stream."""
    parts = []
    for part_path in part_paths:
        with np.load(part_path) as part:
            parts.append(dict(part))
    parts.sort(key=lambda part: int(part["first_position"]))
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            nats=np.concatenate([part["nats"] for part in parts]),
            bytes=np.concatenate([part["bytes"] for part in parts]),
            starts_document=np.concatenate([part["starts_document"] for part in parts]),
            first_position=parts[0]["first_position"],
        )


def nats_path(result_path: str | Path) -> Path:
    """Where the losses of the positions of a result are kept."""
    return Path(result_path).with_suffix(".npz")
