"""Where the files of a study lie: results/<study>/runs/<variant>/seed<seed>/<stage>/..., and what is beside them."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from flowgolf.study.stages import MADE_FROM, SCORING_STAGES, STAGES
from flowgolf.study.study import Run, Study

STATE_DIGITS = 12


class Layout:
    """Paths of one study, relative to the folder that Snakemake runs in."""

    def __init__(self, study: Study) -> None:
        """`study` decides which runs share their files."""
        self.study = study
        self.results = f"results/{study.settings.name}"
        self.data = f"{self.results}/data/data.json"
        self.shards = f"{self.results}/data/shards"
        self.matched_plan = f"{self.results}/matched_plan.json"

    def pattern(self, stage: str, output: str) -> str:
        """Path of one output of a stage, with {variant} and {seed} left open."""
        files = {**STAGES[stage].outputs, MADE_FROM: f"{MADE_FROM}.json"}
        return f"{self.results}/runs/{{variant}}/seed{{seed}}/{stage}/{files[output]}"

    def patterns(self, stage: str) -> dict[str, str]:
        """Name -> path of every output of a stage, with {variant} and {seed} left open."""
        return {name: self.pattern(stage, name) for name in (*STAGES[stage].outputs, MADE_FROM)}

    def path(self, stage: str, output: str, run: Run) -> str:
        """One output of a stage of a run, where the first variant with equal settings keeps it."""
        return self.pattern(stage, output).format(variant=self.study.owner(stage, run.variant), seed=run.seed)

    def paths(self, stage: str, output: str) -> list[str]:
        """One output of every run that a stage really computes."""
        return [self.pattern(stage, output).format(**run._asdict()) for run in self.study.stage_runs(stage)]

    def origins(self) -> list[str]:
        """What every result says that it was made from."""
        return [path for stage in STAGES for path in self.paths(stage, MADE_FROM)]

    def part(self, output: str) -> str:
        """Path of one output of a part of a sliding evaluation, with {variant}, {seed} and {part} left open."""
        suffix = "" if output == "record" else f".{output}"
        return f"{self.results}/runs/{{variant}}/seed{{seed}}/sliding/parts/{{part}}{suffix}.json"

    def kept_nats(self, stage: str, variant: str, seed: str, part: str | None = None) -> dict[str, str]:
        """What an evaluation with `keep_nats` leaves beside its declared outputs, as name -> path."""
        blocks: dict[str, Any] = {**self.study.blocks(stage, variant)}
        if not getattr(blocks.get(stage), "keep_nats", False):
            return {}
        record = self.pattern(stage, "record") if part is None else self.part("record")
        return {"nats": str(Path(record.format(variant=variant, seed=seed, part=part)).with_suffix(".npz"))}

    def failure(self, stage: str, run: Run) -> str:
        """Where a failed job of a stage leaves its reason."""
        owner = self.study.owner(stage, run.variant)
        return f"{self.results}/failed/{stage}/{owner}/seed{run.seed}.json"

    def state(self, stage: str, run: Run, label: str) -> str:
        """Where a stage keeps what it resumes from: outside its outputs, one folder for what `label` stands for."""
        owner = self.study.owner(stage, run.variant)
        digest = sha256(label.encode()).hexdigest()[:STATE_DIGITS]
        return f"{self.results}/state/{stage}/{owner}/seed{run.seed}-{digest}"

    def bootstrap_pairs(self) -> dict[str, list[str]]:
        """For each evaluation and seed the records of the two arms of the 2x2, by name."""
        arms = self.study.settings.report.two_by_two or []
        shared = min((self.study.seeds_of(arm) for arm in arms), key=len, default=[])
        return {
            f"{stage} seed {seed}": [self.path(stage, "record", Run(arm, seed)) for arm in arms]
            for stage in SCORING_STAGES
            for seed in shared
        }
