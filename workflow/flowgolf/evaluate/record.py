"""What an evaluation leaves: the result as JSON, and the loss of each position (docs/spec/evaluation.md, E11)."""

from typing import Any

from flowgolf.model.gpt import GPT
from flowgolf.running.facts import run_record
from flowgolf.scoring.precision import device_of
from flowgolf.scoring.score import Score, figures
from flowgolf.scoring.settings import WindowSettings

BOS = 1  # docs/spec/data.md, D3: every document starts with it


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
        **run_record(),
    }
