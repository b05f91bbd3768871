"""The book of what was tried on validation with an artifact: one line beside it for every evaluation (rule 22)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowgolf.evaluate.settings import SCORING_EXECUTION
from flowgolf.scoring.settings import WindowSettings

EXECUTION = (*SCORING_EXECUTION, "keep_nats", "compile", "shards")
"""Settings that choose no figure."""


def book_path(artifact_path: str | Path) -> Path:
    """Where the evaluations of an artifact are booked."""
    return Path(artifact_path).with_suffix(".tries.jsonl")


def enter_try(artifact_path: str | Path, artifact_sha256: str, evaluation: str, settings: WindowSettings) -> int:
    """Book an evaluation before it begins; the number of different settings of its kind booked for this artifact.

    A line is appended at once, so jobs that share an artifact do not overwrite each other's.
    """
    line = {
        "evaluation": evaluation,
        "artifact_sha256": artifact_sha256,
        "settings": deciding(settings),
        "begun_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with book_path(artifact_path).open("a") as file:
        file.write(json.dumps(line, sort_keys=True) + "\n")
    return len(tries(artifact_path, artifact_sha256, evaluation))


def deciding(settings: WindowSettings) -> dict[str, Any]:
    """The settings that a figure follows from."""
    return {key: value for key, value in settings.model_dump(mode="json").items() if key not in EXECUTION}


def tries(artifact_path: str | Path, artifact_sha256: str, evaluation: str) -> list[dict[str, Any]]:
    """The different settings of one kind of evaluation that were booked for an artifact, in their order.

    Empty without a book; a line that is none is a ValueError.
    """
    path = book_path(artifact_path)
    found: list[dict[str, Any]] = []
    for number, text in enumerate(path.read_text().splitlines() if path.exists() else [], start=1):
        try:
            line = json.loads(text)
            mine = (line["artifact_sha256"], line["evaluation"]) == (artifact_sha256, evaluation)
            settings = line["settings"]
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{path}, line {number}: not an entry of a book of evaluations") from None
        if mine and settings not in found:
            found.append(settings)
    return found
