"""The loss of each position of an evaluation, kept beside its result."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flowgolf.data.byte_count import ByteTable
from flowgolf.files import replacing
from flowgolf.scoring.score import TokenStream, byte_counts


def write_nats(
    path: str | Path, nats: np.ndarray, byte_table: ByteTable, stream: TokenStream, start: int, bos_id: int
) -> None:
    """Keep the loss of each position from `start`, with what paired tests need beside it.

    Arrays: `nats` (positions,) float32; `bytes` (positions,) uint16; `starts_document` (positions,) bool, true where
    the predicted token opens a document; `first_position` ().
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            nats=nats,
            bytes=byte_counts(byte_table, stream, start, start + len(nats)),
            starts_document=stream.read(start + 1, len(nats)) == bos_id,
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
