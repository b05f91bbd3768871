"""What an evaluation leaves: the result as JSON, and the loss of each position (docs/spec/evaluation.md, E11)."""

from typing import Any

from flowgolf.data.dataset import Dataset
from flowgolf.model.gpt import GPT
from flowgolf.running.facts import run_record
from flowgolf.scoring.precision import device_of, precision_on
from flowgolf.scoring.score import Score, figures
from flowgolf.scoring.settings import WindowSettings


def result(
    evaluation: str,
    score: Score,
    settings: WindowSettings,
    artifact_sha256: str,
    seconds: float,
    dataset: Dataset,
    gpt: GPT,
    tries: int,
) -> dict[str, Any]:
    """The figures that every evaluation leaves; `partial` when fewer than all positions of the stream are scored.

    `tries` counts the settings of this kind that were run with this artifact, this one included (rule 22).
    """
    return {
        "evaluation": evaluation,
        **figures(score),
        "partial": score.tokens < len(dataset.validation) - 1,
        "settings": settings.model_dump(mode="json"),
        "artifact_sha256": artifact_sha256,
        "data": dataset.identity(),
        "tries": tries,
        "seconds": seconds,
        "tokens_per_second": score.tokens / seconds,
        "device": str(device_of(gpt)),
        "precision": precision_on(device_of(gpt)),
        **run_record(),
    }
