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
class Metric:
    """A value that arms are compared by: every run has it once its stage is done."""

    key: str
    """Its column in the frames that tables are made from."""
    source: str
    """Where its stage's record holds it: `bpb`, or `roundtrip.bpb` inside a block."""
    label: str
    """Heading in tables and on axes; ends with its unit."""
    spec: str
    """Number format in tables."""
    unit: str = "bpb"
    """`bpb` or `bytes`."""


@dataclass(frozen=True)
class Stage:
    """One kind of job, done once for every variant and seed."""

    name: str
    """Its rule, its folder inside a run, its key in records and tables."""
    label: str
    """Its name in sentences."""
    upstream: tuple[str, ...]
    """The stages whose results it is made from, first to last."""
    blocks: Callable[[RunSettings], dict[str, Settings]]
    """The settings that it depends on itself, by name."""
    place: tuple[str, ...]
    """Where in the settings of an arm those stand that its record holds under `settings`."""
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
    long: bool = True
    """Whether it takes so long that an estimate counts it."""
    metrics: tuple[Metric, ...] = ()
    """The values of its record that arms are compared by; an evaluation's own score is the last."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Column of the frame of results -> key of its record: what else tables read; every stage has `<stage>_commit`."""
    seconds: str = "seconds"
    """The key of its record that says how long it took."""

    @property
    def scores(self) -> bool:
        """Whether it is an evaluation, which the rules of docs/spec/legality.md are checked on."""
        return "checks" in self.outputs


def without_execution(blocks: Mapping[str, Mapping[str, Any]], execution: tuple[str, ...]) -> dict[str, Any]:
    """Blocks without the keys that say how a stage is computed."""
    return {name: {key: each for key, each in block.items() if key not in execution} for name, block in blocks.items()}


def calibrates(run: RunSettings) -> bool:
    """Whether an export looks at training data, which takes the model and its parts, and a rule of its own."""
    return run.export.calibration_batches > 0


def grid(run: RunSettings) -> dict[str, Settings]:
    """What of the export a training depends on: the grid that it rounds to, where it does."""
    return {} if run.train.qat_below is None else {"grid": run.export.grid}


CALIBRATED_EXPORT = "calibrated_export"
"""Rule and script of such an export."""
STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "train",
            label="training",
            upstream=(),
            blocks=lambda run: {"model": run.model, "train": run.train, **grid(run)},
            place=(),
            outputs={"model": "model.safetensors", "curve": "train.csv", "record": "run.json"},
            curve="curve",
            execution=("devices", "threads", "tensorboard", "checkpoint_every", "passes_per_micro_batch"),
            seeded=True,
            resumes=True,
            metrics=(Metric("train_val_bpb", "train_val_bpb", "train val bpb", ".4f"),),
            values={
                "parameters": "parameters",
                "model_tensors": "tensors",
                "ema_roundtrip_bpb": "ema_roundtrip_bpb",
                "train_job": "slurm_job_id",
            },
            seconds="elapsed_seconds",
        ),
        Stage(
            "export",
            label="export",
            upstream=("train",),
            blocks=lambda run: {"export": run.export},
            place=("export",),
            outputs={"artifact": "artifact.bin", "record": "export.json"},
            takes={"model": ("train", "model")},
            runs_model=False,
            long=False,
            metrics=(Metric("artifact_bytes", "bytes_total", "bytes", ",.0f", "bytes"),),
            values={
                "weights_bytes": "bytes_weights",
                "code_bytes": "bytes_code",
                "cap_bytes": "cap_bytes",
                "headroom_bytes": "headroom_bytes",
                "codec": "codec",
                "level": "level",
                "plan": "plan",
                "entropy_bound_bytes": "entropy_bound_bytes",
                "bits_per_parameter": "bits_per_parameter",
                "tensors": "tensors",
                "codecs": "codecs",
            },
        ),
        Stage(
            "sliding",
            label="sliding",
            upstream=("train", "export"),
            takes={"artifact": ("export", "artifact")},
            blocks=lambda run: {"sliding": run.evaluate.sliding},
            place=("evaluate", "sliding"),
            outputs={"record": "sliding.json", "checks": "checks.json"},
            execution=SCORING_EXECUTION,
            metrics=(
                Metric("roundtrip_bpb", "roundtrip.bpb", "roundtrip bpb", ".5f"),
                Metric("sliding_bpb", "bpb", "sliding bpb", ".5f"),
            ),
            values={"sliding_partial": "partial"},
        ),
        Stage(
            "legal_ttt",
            label="legal TTT",
            upstream=("train", "export"),
            takes={"artifact": ("export", "artifact")},
            blocks=lambda run: {"legal_ttt": run.evaluate.legal_ttt},
            place=("evaluate", "legal_ttt"),
            outputs={"record": "legal_ttt.json", "curve": "legal_ttt.csv", "checks": "checks.json"},
            curve="curve",
            execution=SCORING_EXECUTION,
            resumes=True,
            metrics=(Metric("legal_ttt_bpb", "bpb", "legal TTT bpb", ".5f"),),
            values={"legal_ttt_partial": "partial"},
        ),
    )
}
SCORING_STAGES = tuple(name for name, stage in STAGES.items() if stage.scores)
