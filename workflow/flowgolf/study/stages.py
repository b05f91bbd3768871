"""The stages of a run, each said once: what it follows, which settings it depends on, what it leaves; no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowgolf.evaluate.settings import SCORING_EXECUTION
from flowgolf.settings import Settings
from flowgolf.study.settings import RunSettings

MADE_FROM = "made_from"
"""The output of every stage that says what the others were made from; see `running/origin.py`."""


@dataclass(frozen=True)
class Stage:
    """One kind of long job, done once for every variant and seed."""

    name: str
    """Its rule, its folder inside a run, its key in records and tables."""
    upstream: tuple[str, ...]
    """The stages whose results it is made from, first to last."""
    blocks: Callable[[RunSettings], dict[str, Settings]]
    """The settings that it depends on itself, by name."""
    outputs: Mapping[str, str]
    """Name of an output -> its file in the stage's folder; `record` is the JSON that tables read."""
    takes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name of an input -> (upstream stage, name of its output)."""
    curve: str | None = None
    """The output that holds a curve, as CSV."""
    execution: tuple[str, ...] = ()
    """Keys of its blocks that say how it is computed, not what: changing them reruns nothing."""
    runs_model: bool = True
    """Whether the code of the model's parts is part of its own; an export that calibrates runs them too."""
    seeded: bool = False
    """Whether the seed is an input of its own; elsewhere it only chooses the upstream result."""
    resumes: bool = False
    """Whether it keeps a state that a killed job goes on from."""


def without_execution(blocks: Mapping[str, Mapping[str, Any]], execution: tuple[str, ...]) -> dict[str, Any]:
    """Blocks without the keys that say how a stage is computed."""
    return {name: {key: each for key, each in block.items() if key not in execution} for name, block in blocks.items()}


def calibrates(run: RunSettings) -> bool:
    """Whether an export looks at training data, which takes the model and its parts, and a rule of its own."""
    return run.export.calibration_batches > 0


CALIBRATED_EXPORT = "calibrated_export"
"""Rule and script of such an export."""
STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "train",
            upstream=(),
            blocks=lambda run: {"model": run.model, "train": run.train},
            outputs={"model": "model.safetensors", "curve": "train.csv", "record": "run.json"},
            curve="curve",
            execution=("devices", "threads", "tensorboard", "checkpoint_every"),
            seeded=True,
            resumes=True,
        ),
        Stage(
            "export",
            upstream=("train",),
            blocks=lambda run: {"export": run.export},
            outputs={"artifact": "artifact.bin", "record": "export.json"},
            takes={"model": ("train", "model")},
            runs_model=False,
        ),
        Stage(
            "sliding",
            upstream=("train", "export"),
            takes={"artifact": ("export", "artifact")},
            blocks=lambda run: {"sliding": run.evaluate.sliding},
            outputs={"record": "sliding.json", "checks": "checks.json"},
            execution=SCORING_EXECUTION,
        ),
        Stage(
            "legal_ttt",
            upstream=("train", "export"),
            takes={"artifact": ("export", "artifact")},
            blocks=lambda run: {"legal_ttt": run.evaluate.legal_ttt},
            outputs={"record": "legal_ttt.json", "curve": "legal_ttt.csv", "checks": "checks.json"},
            curve="curve",
            execution=SCORING_EXECUTION,
            resumes=True,
        ),
    )
}
