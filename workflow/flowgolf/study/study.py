"""A study: one YAML file of typed settings, resolved into named runs and the slice that each stage depends on.

Imports no torch: every Snakemake process, on every node, reads this first.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from pydantic import ValidationError

from flowgolf.data.settings import DataSettings, TokenizedSource
from flowgolf.settings import Settings, identity
from flowgolf.study.claims import SeedRule
from flowgolf.study.errors import ConfigError, nearest_key, number_problems, sentences, setting_keys
from flowgolf.study.merge import merge
from flowgolf.study.settings import NAME_PATTERN, RunSettings, StudySettings
from flowgolf.study.stages import STAGES, without_execution

EXAMPLES = {"author": "Your Name", "github_id": "your-id"}
"""What config/ says where a user has to say who they are."""
LIMITED_TRACKS = ("10min_16mb",)


class Run(NamedTuple):
    """One trained and evaluated model: a variant under one seed."""

    variant: str
    seed: int


class Study:
    """The resolved study: every variant's settings, the runs, and which runs share a stage."""

    def __init__(
        self, config: dict[str, Any], source: str = "configuration", reached: Mapping[str, int] | None = None
    ) -> None:
        """Validate a configuration; `source` is the file that errors name. Raises ConfigError.

        `reached` says how many seeds a variant has by now, where claims have asked for more than the first round.
        """
        self.source, self.reached = source, reached or {}
        if problems := list(number_problems(config)):
            raise ConfigError(source, problems)
        try:
            self.settings = compared(StudySettings.model_validate(config))
        except ValidationError as error:
            raise ConfigError(source, sentences(error, StudySettings)) from None
        self.swept: dict[str, tuple[str, Any]] = {}
        self.overrides = dict(self._named_overrides(config))
        self.variants = {name: self._resolve(name, override) for name, override in self.overrides.items()}
        self._check_vocabulary()
        self._check_report()
        self._check_claims()
        self._check_submission()
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
                self.swept[name] = (sweep_name, value)
                yield name, merge(self.settings.variants[sweep.of], nested(sweep.key, value))

    def matched_overrides(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The arms of the 2x2 with one bit plan for all, when the report asks for them."""
        if self.settings.report.matched_plan:
            for arm in self.settings.report.two_by_two or ():
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
            raise ConfigError(self.source, sentences(error, RunSettings, self._written(name))) from None

    def _written(self, name: str) -> str:
        """Where the difference of a variant stands in the configuration, for a sentence about it."""
        if name in self.swept:
            sweep, value = self.swept[name]
            return f"sweeps.{sweep}.values: {value!r} gives {self.settings.sweeps[sweep].of}"
        return f"{'imports' if name in self.settings.imports else 'variants'}.{name}"

    def _check_vocabulary(self) -> None:
        """Refuse a model whose vocabulary is not that of the tokenizer, where the configuration says both."""
        where, pieces = pieces_of(self.settings.data)
        for name, run in self.variants.items():
            if pieces not in (None, run.model.vocab_size):
                same = run.model.vocab_size == self.settings.base.model.vocab_size
                key = f"{'base' if same else self._written(name)}.model.vocab_size"
                raise self._error(key, f"{run.model.vocab_size}, but the tokenizer has {pieces} ({where})")

    def _check_report(self) -> None:
        """Refuse tables about variants that do not exist."""
        report = self.settings.report
        named = {
            "reference": [str(report.reference)],
            "two_by_two": report.two_by_two or [],
            "pairs": chain(*report.pairs),
        }
        if report.matched_plan and not report.two_by_two:
            raise self._error(
                "report.matched_plan", "takes the plan of the arms of report.two_by_two, which is not set"
            )
        for key, name in ((key, name) for key, names in named.items() for name in names):
            if name not in self.variants:
                raise self._error(f"report.{key}", f"no variant '{name}'", name, list(self.variants))

    def _check_claims(self) -> None:
        """Refuse claims about variants that this study does not train, and a rule for seeds that nothing can end."""
        settings, rule = self.settings, self.rule
        for name, claim in settings.claims.items():
            for arm in claim.arms:
                if arm not in settings.variants:
                    raise self._error(f"claims.{name}", f"no variant '{arm}'", arm, list(settings.variants))
            if claim.arm == claim.against:
                raise self._error(f"claims.{name}.against", f"{claim.arm} is compared with itself")
            if rule and claim.test != "anytime":
                looks = "holds at one number of seeds, and seeds are added; accepted: anytime"
                raise self._error(f"claims.{name}.test", f"{claim.test} {looks}")
        if rule and not settings.claims:
            raise self._error("seeds.by", "claim, but the study has no claims")
        if rule and settings.report.matched_plan:
            raise self._error("report.matched_plan", "true, but the plan follows from all seeds, and seeds are added")

    @property
    def rule(self) -> SeedRule | None:
        """The rule by which seeds are added; None where the study lists them."""
        return self.settings.seeds if isinstance(self.settings.seeds, SeedRule) else None

    def seeds_of(self, variant: str = "") -> list[int]:
        """Seeds of a main variant by now; without a name those of the first round, which all have."""
        if isinstance(self.settings.seeds, SeedRule):
            return list(range(1, max(self.settings.seeds.start, self.reached.get(variant, 0)) + 1))
        return self.settings.seeds

    def _check_submission(self) -> None:
        """Refuse to submit what this study does not train."""
        if self.settings.submission is None:
            return
        for name in self.submitted:
            if name not in self.settings.variants:
                known = list(self.settings.variants)
                raise self._error("submission.variants", f"no trained variant '{name}'", name, known)
            if self.variants[name].export.codec == "range":
                raise self._error(
                    "submission.variants", f"{name} has export.codec range, which train_gpt.py cannot read"
                )
        track = self.settings.submission.track
        if track in LIMITED_TRACKS and self.settings.limits is None:
            raise self._error("limits", f"missing; the track {track} is one of limited seconds and devices (rule 23)")
        seed = self.settings.submission.seed
        if seed is not None and seed not in self.seeds_of():
            raise self._error("submission.seed", f"{seed} is not one of the seeds {self.seeds_of()}")

    def check_nats(self) -> None:
        """Refuse the bootstrap, which a result page shows, where there are no two arms or no nats are kept for it."""
        arms = self.settings.report.two_by_two
        if not arms:
            raise self._error("report.two_by_two", "not set; the bootstrap on a result page compares two arms")
        for arm in arms:
            evaluate = self.variants[arm].evaluate
            for stage, kept in (("sliding", evaluate.sliding.keep_nats), ("legal_ttt", evaluate.legal_ttt.keep_nats)):
                if not kept:
                    key = f"base.evaluate.{stage}.keep_nats"
                    raise self._error(key, f"false for {arm}; the bootstrap on a result page needs true")

    def check_storage(self) -> None:
        """Refuse what no declared output holds, where only those leave the machine that a job runs on."""
        needs = "needs a file system that all jobs share, which --shared-fs-usage says there is not"
        if not isinstance(self.settings.data, TokenizedSource):
            raise self._error("data.source", f"{self.settings.data.source} {needs}: shards stay where they are")
        for name, run in self.variants.items():
            for stage, settings in (("sliding", run.evaluate.sliding), ("legal_ttt", run.evaluate.legal_ttt)):
                if settings.keep_nats:
                    raise self._error(f"base.evaluate.{stage}.keep_nats", f"true for {name}; {needs}")

    def check_submitter(self) -> None:
        """Refuse to submit under the name that stands in the examples."""
        names = self.submitted and self.settings.submission
        for key, example in EXAMPLES.items():
            if names and getattr(names, key) == example:
                raise self._error(f"submission.{key}", f"'{example}' is the example's; say who submits")
        counts = {name: len(self.seeds_of(name)) for name in names and self.submitted or ()}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise self._error("submission.variants", f"claims gave them different numbers of seeds: {listed}")

    @property
    def submitted(self) -> list[str]:
        """Variants that get a submission folder; a study without a `submission` block is a ConfigError."""
        if self.settings.submission is None:
            raise self._error("submission", "missing; say who submits what, as config/config.yaml does")
        report = self.settings.report
        return self.settings.submission.variants or report.two_by_two or [str(report.reference)]

    @property
    def submitted_seed(self) -> int:
        """Seed whose artifact is submitted."""
        block = self.settings.submission
        return self.seeds_of()[0] if block is None or block.seed is None else block.seed

    def _error(self, key: str, what: str, given: str | None = None, known: list[str] | None = None) -> ConfigError:
        hint = f"; did you mean {nearest_key(given, known)}?" if given and known else ""
        return ConfigError(self.source, [f"{key}: {what}{hint}"])

    def _declared_runs(self) -> Iterator[Run]:
        named = [*self.settings.variants, *(name for name, _ in self.matched_overrides())]
        main = ((name, self.seeds_of(name)) for name in named)
        swept = (
            (sweep_point(sweep.of, name, value), sweep.seeds)
            for name, sweep in self.settings.sweeps.items()
            for value in sweep.values
        )
        imported = ((name, [each.seed]) for name, each in self.settings.imports.items())
        for variant, seeds in chain(main, swept, imported):
            yield from (Run(variant, seed) for seed in seeds)

    def _stage_owners(self, stage: str) -> dict[str, str]:
        """For each variant the first one declared whose settings up to this stage are the same."""
        first: dict[str, str] = {}
        chain = (*STAGES[stage].upstream, stage)
        return {
            name: first.setdefault(repr([self.identity(each, name) for each in chain]), name) for name in self.variants
        }

    def blocks(self, stage: str, variant: str) -> dict[str, Settings]:
        """The settings that one stage of a variant depends on itself; an imported one depends on its file instead."""
        run, imported = self.variants[variant], self.settings.imports.get(variant)
        if imported and stage == "train":
            return {"model": run.model, "import": imported}
        return STAGES[stage].blocks(run)

    def stage_settings(self, stage: str, variant: str) -> dict[str, Any]:
        """Those settings as JSON values, all of them: what the stage is run with."""
        return {key: block.model_dump(mode="json") for key, block in self.blocks(stage, variant).items()}

    def identity(self, stage: str, variant: str) -> dict[str, Any]:
        """Those of them that decide what the stage makes, as JSON values: what its result is identified by."""
        blocks = {name: identity(block) for name, block in self.blocks(stage, variant).items()}
        run = self.variants[variant]
        if stage == "export" and run.export.code_bytes is None and run.evaluate.legal_ttt.method:
            # the idea stands in the train_gpt.py that counts against the cap; what else does is the training's
            blocks["code"] = {"method": run.evaluate.legal_ttt.method}
        return without_execution(blocks, STAGES[stage].execution)

    def owner(self, stage: str, variant: str) -> str:
        """The variant under whose name a stage's result is kept: equal settings are one run."""
        return self._owners[stage][variant]

    def stage_runs(self, stage: str) -> list[Run]:
        """The runs that a stage really computes, each once."""
        return list(dict.fromkeys(Run(self.owner(stage, run.variant), run.seed) for run in self.runs))

    def sweep_variants(self) -> dict[str, list[str]]:
        """For each sweep the names of its points, in the order of its values."""
        return {
            name: [sweep_point(sweep.of, name, value) for value in sweep.values]
            for name, sweep in self.settings.sweeps.items()
        }


def compared(settings: StudySettings) -> StudySettings:
    """Settings whose report says which variants it compares: where it does not, base and nfm, or the one arm."""
    report, names = settings.report, settings.variants
    reference = report.reference or ("base" if "base" in names else next(iter(names)))
    usual = [name for name in ("base", "nfm") if name in names]
    two_by_two = report.two_by_two or (usual if len(usual) == 2 else None)
    report = report.model_copy(update={"reference": reference, "two_by_two": two_by_two})
    return settings.model_copy(update={"report": report})


def pieces_of(data: DataSettings) -> tuple[str, int | None]:
    """Key and number of pieces of the tokenizer; None where only the tokenizer's own file says it."""
    if isinstance(data, TokenizedSource):
        return "data.tokenizer.vocab_size", None if data.tokenizer_model else data.tokenizer.vocab_size
    return "data.vocab_size", data.vocab_size


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
