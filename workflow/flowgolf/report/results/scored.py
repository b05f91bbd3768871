"""What a report takes from an evaluation's record beside its figure: what was scored, and how often it was tried."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgolf.study.stages import STAGES

SCORED = ("basis", "tries", "repeats", "bytes_per_token")
"""Columns of the frame, after the stage's name: see `scored_cells`."""


def scored_cells(stage: str, record: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of one evaluation: what it scored, settings tried on validation, training documents that repeat."""
    repeats = record.get("repeats") or {}
    return {
        f"{stage}_basis": basis_of(record),
        f"{stage}_tries": num_tries(stage, record, run),
        f"{stage}_repeats": repeats.get("documents"),
        f"{stage}_bytes_per_token": record["bytes"] / record["tokens"] if record.get("bytes") else None,
    }


def num_tries(stage: str, record: Mapping[str, Any], run: Mapping[str, Any]) -> int | None:
    """Different settings of an evaluation that were run with the artifact; None where neither record nor book says.

    The record knows those before it; the book beside the artifact, where it still lies, later ones too (rule 22).
    """
    known = record.get("tries")
    if known is None or not run.get("export"):
        return known
    book = Path(run["export"]).with_name(STAGES["export"].outputs["artifact"]).with_suffix(".tries.jsonl")
    return max(int(known), booked(book, record["artifact_sha256"], stage)) if book.exists() else int(known)


def booked(book: Path, artifact_sha256: str, stage: str) -> int:
    """Different settings of an evaluation in the book of an artifact; a line that is none is a ValueError."""
    found = set()
    for number, text in enumerate(book.read_text().splitlines(), start=1):
        try:
            line = json.loads(text)
            key = (line["artifact_sha256"], line["evaluation"], json.dumps(line["settings"], sort_keys=True))
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{book}, line {number}: not an entry of a book of evaluations") from None
        found.add(key)
    return sum(key[:2] == (artifact_sha256, stage) for key in found)


def basis_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What an evaluation's record says that it scored, and how; None for what it does not say.

    The arithmetic follows from the device (`flowgolf.scoring.precision`).
    """
    settings, data = record.get("settings", {}), record.get("data", {})
    device = record.get("device")
    basis = {
        "text": data.get("validation"),
        "tokenizer": data.get("tokenizer"),
        "positions": record.get("tokens"),
        "window": settings.get("seq_len"),
        "stride": settings.get("stride"),
        "precision": None if device is None else "bfloat16" if str(device).startswith("cuda") else "float32",
    }
    return basis | {key: settings[key] for key in ("seed",) if key in settings}
