"""A study: one YAML file of typed settings, resolved into named runs and the slice that each stage depends on.

Imports no torch: every Snakemake process, on every node, reads this first.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError, field_validator

from flowgolf.config_errors import ConfigError, nearest_key, sentences, setting_keys
from flowgolf.data.settings import DataSettings
from flowgolf.evaluate.settings import EvaluateSettings
from flowgolf.export.settings import ExportSettings
from flowgolf.model.settings import ModelSettings
from flowgolf.settings import Settings
from flowgolf.train.settings import TrainSettings

Stage = Literal["train", "export", "sliding", "legal_ttt"]
STAGES: tuple[Stage, ...] = ("train", "export", "sliding", "legal_ttt")
NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.+=-]*$"  # a folder name and a Snakemake wildcard


class Run(NamedTuple):
    """One trained and evaluated model: a variant under one seed."""

    variant: str
    seed: int


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

    reference: str = "base"
    """Variant that differences are taken against."""
    two_by_two: list[str] = Field(["base", "nfm"], min_length=2, max_length=2)
    """The two variants of the variants-by-TTT table."""
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    """Further pairs of variants to compare in the table of effects, each as first - second."""
    matched_plan: bool = False
    """Export these two once more with the bit plan of the neediest, so that neither pays for the other's size."""


class StudySettings(Settings):
    """A study as it is written down."""

    name: str = Field(pattern=NAME_PATTERN)
    """Folder under results/."""
    question: str
    """What the study asks; printed on top of the report."""
    seeds: list[int] = Field(min_length=1)
    """Seeds of every variant."""
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
    report: ReportSettings = ReportSettings()
    """What the tables compare."""

    @field_validator("seeds")
    @classmethod
    def check_seeds(cls, seeds: list[int]) -> list[int]:
        """Refuse a seed that stands twice."""
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{seeds} names a seed twice")
        return seeds


class Study:
    """The resolved study: every variant's settings, the runs, and which runs share a stage."""

    def __init__(self, config: dict[str, Any], source: str = "configuration") -> None:
        """Validate a configuration; `source` is the file that errors name. Raises ConfigError."""
        self.source = source
        try:
            self.settings = StudySettings.model_validate(config)
        except ValidationError as error:
            raise ConfigError(source, sentences(error, StudySettings)) from None
        self.overrides = dict(self._named_overrides(config))
        self.variants = {name: self._resolve(name, override) for name, override in self.overrides.items()}
        self._check_report()
        self.runs = list(self._declared_runs())
        self._owners = {stage: self._stage_owners(stage) for stage in STAGES}

    def _named_overrides(self, config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each variant and sweep point with its difference from the baseline, in the order of declaration."""
        yield from self.settings.variants.items()
        derived: set[str] = set()
        for name, imported in self.settings.imports.items():
            if name in self.settings.variants:
                raise self._error(f"imports.{name}", f"two variants are named '{name}'")
            derived.add(name)
            yield name, {"model": imported.model}
        for name, override in self.matched_overrides():
            derived.add(name)
            yield name, override
        for sweep_name, sweep in self.settings.sweeps.items():
            where = f"sweeps.{sweep_name}"
            if sweep.of not in self.settings.variants:
                raise self._error(f"{where}.of", f"no variant '{sweep.of}'", sweep.of, list(self.settings.variants))
            keys = list(setting_keys(RunSettings))
            if sweep.key not in keys:
                raise self._error(f"{where}.key", f"no setting '{sweep.key}'", sweep.key, keys)
            for value in sweep.values:
                name = sweep_point(sweep.of, sweep_name, value)
                if name in self.settings.variants or name in derived:
                    raise self._error(f"{where}.values", f"two variants are named '{name}'")
                derived.add(name)
                yield name, merge(self.settings.variants[sweep.of], nested(sweep.key, value))

    def matched_overrides(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The arms of the 2x2 with one bit plan for all, when the report asks for them."""
        if self.settings.report.matched_plan:
            for arm in self.settings.report.two_by_two:
                if arm in self.settings.variants:
                    yield matched(arm), merge(self.settings.variants[arm], nested("export.plan", "matched"))

    def _resolve(self, name: str, override: dict[str, Any]) -> RunSettings:
        """The settings of one variant: the baseline with its difference merged in."""
        if not re.match(NAME_PATTERN, name):
            raise self._error(f"variants.{name}", "a name takes letters, digits and _ . + = - only")
        base = self.settings.base.model_dump(exclude_unset=True)
        try:
            return RunSettings.model_validate(merge(base, override))
        except ValidationError as error:
            raise ConfigError(self.source, sentences(error, RunSettings, f"variants.{name}")) from None

    def _check_report(self) -> None:
        """Refuse tables about variants that do not exist."""
        report = self.settings.report
        named = {"reference": [report.reference], "two_by_two": report.two_by_two, "pairs": chain(*report.pairs)}
        for key, name in ((key, name) for key, names in named.items() for name in names):
            if name not in self.variants:
                raise self._error(f"report.{key}", f"no variant '{name}'", name, list(self.variants))

    def _error(self, key: str, what: str, given: str | None = None, known: list[str] | None = None) -> ConfigError:
        hint = f"; did you mean {nearest_key(given, known)}?" if given and known else ""
        return ConfigError(self.source, [f"{key}: {what}{hint}"])

    def _declared_runs(self) -> Iterator[Run]:
        named = [*self.settings.variants, *(name for name, _ in self.matched_overrides())]
        main = ((name, self.settings.seeds) for name in named)
        swept = (
            (sweep_point(sweep.of, name, value), sweep.seeds)
            for name, sweep in self.settings.sweeps.items()
            for value in sweep.values
        )
        imported = ((name, [each.seed]) for name, each in self.settings.imports.items())
        for variant, seeds in chain(main, swept, imported):
            yield from (Run(variant, seed) for seed in seeds)

    def _stage_owners(self, stage: Stage) -> dict[str, str]:
        """For each variant the first one declared whose settings up to this stage are the same."""
        first: dict[str, str] = {}
        return {name: first.setdefault(repr(self._up_to(stage, name)), name) for name in self.variants}

    def _up_to(self, stage: Stage, variant: str) -> list[dict[str, Any]]:
        upstream: dict[Stage, tuple[Stage, ...]] = {
            "train": ("train",),
            "export": ("train", "export"),
            "sliding": ("train", "export", "sliding"),
            "legal_ttt": ("train", "export", "legal_ttt"),
        }
        return [self.stage_settings(each, variant) for each in upstream[stage]]

    def stage_settings(self, stage: Stage, variant: str) -> dict[str, Any]:
        """The settings that one stage of a variant depends on itself, as JSON values."""
        run = self.variants[variant]
        imported = self.settings.imports.get(variant)
        slices: dict[Stage, dict[str, Settings]] = {
            "train": {"model": run.model, "import": imported} if imported else {"model": run.model, "train": run.train},
            "export": {"export": run.export},
            "sliding": {"sliding": run.evaluate.sliding},
            "legal_ttt": {"legal_ttt": run.evaluate.legal_ttt},
        }
        return {key: block.model_dump(mode="json") for key, block in slices[stage].items()}

    def owner(self, stage: Stage, variant: str) -> str:
        """The variant under whose name a stage's result is kept: equal settings are one run."""
        return self._owners[stage][variant]

    def stage_runs(self, stage: Stage) -> list[Run]:
        """The runs that a stage really computes, each once."""
        return list(dict.fromkeys(Run(self.owner(stage, run.variant), run.seed) for run in self.runs))

    def sweep_variants(self) -> dict[str, list[str]]:
        """For each sweep the names of its points, in the order of its values."""
        return {
            name: [sweep_point(sweep.of, name, value) for value in sweep.values]
            for name, sweep in self.settings.sweeps.items()
        }


def matched(arm: str) -> str:
    """Name of an arm exported with the matched plan: `nfm-plan=matched`."""
    return f"{arm}-plan=matched"


def sweep_point(of: str, sweep: str, value: Any) -> str:
    """Name of a sweep point: `nfm-loss_weight=0.05`."""
    return f"{of}-{sweep}={value}"


def nested(key: str, value: Any) -> dict[str, Any]:
    """`a.b` and 1 as {"a": {"b": 1}}."""
    for part in reversed(key.split(".")):
        value = {part: value}
    result: dict[str, Any] = value
    return result


def merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """`base` with `override` on top: blocks merge key by key, anything else replaces, null included."""
    merged = dict(base)
    for key, value in override.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
