"""The typed settings of a study, as its YAML file writes them down."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from flowgolf.data.settings import DataSettings
from flowgolf.evaluate.settings import EvaluateSettings
from flowgolf.export.settings import ExportSettings
from flowgolf.model.settings import ModelSettings
from flowgolf.running.environment import LIBRARY_VARIABLE, PLAIN_VALUE, PREFIXES
from flowgolf.settings import Settings
from flowgolf.study.claims import ClaimSettings, SeedRule
from flowgolf.study.runtime import COMPUTES
from flowgolf.train.settings import TrainSettings

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.+=-]*$"  # a folder name and a Snakemake wildcard


class RunSettings(Settings):
    """Everything that one run depends on besides its seed and the data."""

    model: ModelSettings
    """The model and its parts."""
    train: TrainSettings
    """Training."""
    export: ExportSettings
    """Quantised export."""
    evaluate: EvaluateSettings
    """Evaluations."""

    @model_validator(mode="after")
    def check_rounding(self) -> "RunSettings":
        """Refuse to train for another grid than the export's."""
        if self.train.qat_below is not None and self.export.quantiser:
            raise ValueError(
                f"train.qat_below: rounds as export.clip says, but export.quantiser is {self.export.quantiser}; "
                "set one of the two"
            )
        return self


class SweepSettings(Settings):
    """One setting of a variant, tried at several values; each value is a variant with a derived name."""

    of: str
    """Variant that is swept."""
    key: str
    """Setting that changes, as a dotted path: model.flow_matcher.loss_weight."""
    values: list[Any] = Field(min_length=1)
    """Values to try; the variant's own value costs nothing, it is the same run."""
    seeds: list[int] = Field(min_length=1)
    """Seeds of the sweep."""


class ImportSettings(Settings):
    """A checkpoint of the published script in place of a training; exported and evaluated like any run."""

    checkpoint: str
    """A .pt state dict or an .int6.ptz file, relative to the working directory."""
    seed: int
    """Seed it was trained with."""
    model: dict[str, Any] = {}
    """Its difference from base.model."""


class ReportSettings(Settings):
    """What the tables compare."""

    reference: str | None = None
    """Variant that differences are taken against; null: base, or the first variant of a study without base."""
    two_by_two: list[str] | None = Field(None, min_length=2, max_length=2)
    """The two variants of the variants-by-TTT table; null: base and nfm, or no such table in a study without them."""
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    """Further pairs of variants to compare in the table of effects, each as first - second."""
    matched_plan: bool = False
    """Export these two once more with the bit plan of the neediest, so that neither pays for the other's size."""


class SubmissionSettings(Settings):
    """Who submits what, for `snakemake submission`."""

    author: str = Field(min_length=1)
    """Name of who submits."""
    github_id: str = Field(min_length=1)
    """Their account."""
    name: str = Field(min_length=1)
    """Title of the submission."""
    blurb: str = Field(min_length=1)
    """What it is, in a sentence or two."""
    track: str = Field("10min_16mb", min_length=1)
    """Track of the challenge."""
    variants: list[str] | None = Field(None, min_length=1)
    """Variants that get a folder; null: both arms of report.two_by_two."""
    seed: int | None = None
    """Seed whose artifact is submitted; null: the first."""


class LimitsSettings(Settings):
    """What the track allows; every submitted run is held against it."""

    train_seconds: float = Field(gt=0)
    """Seconds that a training may take, calibration of the export included."""
    evaluate_seconds: float = Field(gt=0)
    """Seconds that the evaluations of an artifact may take together."""
    devices: int = Field(ge=1)
    """Devices that a training has."""
    device_name: str | None = None
    """Part of the device's name, e.g. H100; null: any."""


class StudySettings(Settings):
    """A study as it is written down."""

    name: str = Field(pattern=NAME_PATTERN)
    """Folder under results/."""
    question: str
    """What the study asks; printed on top of the report."""
    seeds: Annotated[
        Annotated[list[int], Field(min_length=1), Tag("list")] | Annotated[SeedRule, Tag("rule")],
        Discriminator(lambda given: "rule" if isinstance(given, dict | SeedRule) else "list"),
    ]
    """Seeds of every variant: a list, or the rule by which they are added until the claims are decided."""
    data: DataSettings
    """Text and tokenizer, the same for all runs."""
    base: RunSettings
    """The baseline, spelt out once."""
    variants: dict[str, dict[str, Any]] = Field(min_length=1)
    """Named differences from the baseline; {} is the baseline itself."""
    sweeps: dict[str, SweepSettings] = {}
    """Settings tried at several values."""
    imports: dict[str, ImportSettings] = {}
    """Variants whose weights come from a file."""
    ideas: list[str] = []
    """Files of your own, each with a part of the model, an optimiser, a TTT method, a rate schedule or a quantiser; see
    docs/ideas.md."""
    claims: dict[str, ClaimSettings] = {}
    """What is claimed of arms before they run, each decided with a stated error rate; see docs/claims.md."""
    report: ReportSettings = ReportSettings()
    """What the tables compare."""
    equal_versions: dict[str, list[str]] = {}
    """Releases that compute the same: results made with one are not made again with another of the same list."""
    environment: dict[str, str] = {}
    """Variables of every job, for libraries alone: NCCL, allocator, choices of backends. Records name them."""
    limits: LimitsSettings | None = None
    """Time and hardware of the track; null: none are claimed."""
    submission: SubmissionSettings | None = None
    """Who submits what; null when nothing is to be submitted."""

    @field_validator("equal_versions")
    @classmethod
    def check_versions(cls, equal: dict[str, list[str]]) -> dict[str, list[str]]:
        """Refuse a name whose version identifies nothing."""
        for name in equal:
            if name not in ("python", *COMPUTES):
                raise ValueError(f"{name} is none of {', '.join(('python', *COMPUTES))}")
        return equal

    @field_validator("environment")
    @classmethod
    def check_environment(cls, environment: dict[str, str]) -> dict[str, str]:
        """Refuse a variable that is none of a library's, and a value that a shell would read otherwise."""
        for name, value in environment.items():
            if not LIBRARY_VARIABLE.match(name):
                raise ValueError(f"{name} is no variable of a library; those begin with {', '.join(PREFIXES)}")
            if not PLAIN_VALUE.match(value):
                raise ValueError(f"{name}: '{value}' has characters besides letters, digits and _ . , : / + = @ % -")
        return environment

    @field_validator("seeds")
    @classmethod
    def check_seeds(cls, seeds: list[int] | SeedRule) -> list[int] | SeedRule:
        """Refuse a seed that stands twice."""
        if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
            raise ValueError(f"{seeds} names a seed twice")
        return seeds
