"""The jobs that a stage of a run consists of: under which rule, with which log, and under which name in a queue."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from flowgolf.study.layout import Layout
from flowgolf.study.manifest import Expected, manifest
from flowgolf.study.stages import CALIBRATED_EXPORT, STAGES, calibrates
from flowgolf.study.study import Run


class Job(NamedTuple):
    """One job of a stage of a run."""

    rule: str
    run: Run
    """The run under whose name the result is kept."""
    part: int | None
    """Number of the part where several jobs share a stage, else None."""

    @property
    def queue_name(self) -> str:
        """The comment that the SLURM plugin gives the job."""
        words = ["rule", self.rule, "wildcards", self.run.variant, self.run.seed]
        return "_".join(str(word) for word in [*words, *([] if self.part is None else [self.part])])

    def log(self, results: str) -> str:
        """Where the job's log lies, below the study's folder `results`."""
        part = "" if self.part is None else f".{self.part}"
        return f"{results}/logs/{self.rule}/{self.run.variant}/seed{self.run.seed}{part}.log"


def jobs(layout: Layout, stage: str, run: Run) -> Iterator[Job]:
    """The jobs that make a stage of a run, without the merging of parts."""
    study = layout.study
    owner = Run(study.owner(stage, run.variant), run.seed)
    shards = study.variants[owner.variant].evaluate.sliding.shards
    if stage == "train" and owner.variant in study.settings.imports:
        yield Job("import_checkpoint", owner, None)
    elif stage == "export" and calibrates(study.variants[owner.variant]):
        yield Job(CALIBRATED_EXPORT, owner, None)
    elif stage == "sliding" and shards > 1:
        yield from (Job("sliding_part", owner, part) for part in range(shards))
    else:
        yield Job(stage, owner, None)


def watched(layout: Layout, expected: Expected) -> dict[str, Any]:
    """The manifest with `jobs`: for each stage of each run the log and the queue name of its jobs."""
    listed = manifest(layout, expected)
    for entry in listed["runs"]:
        run = Run(entry["variant"], entry["seed"])
        entry["jobs"] = {
            stage: [{"log": job.log(layout.results), "queue_name": job.queue_name} for job in jobs(layout, stage, run)]
            for stage in STAGES
        }
    return listed


def timed(layout: Layout) -> dict[str, Any]:
    """Every job that takes long, for an estimate: what it leaves, the training that it waits for, its settings."""
    study = layout.study
    long = [name for name, stage in STAGES.items() if stage.long]
    listed = [
        {
            "stage": stage,
            "record": layout.path(stage, "record", run),
            "needs": None if stage == "train" else layout.path("train", "record", run),
            "settings": study.variants[run.variant].model_dump(mode="json"),
        }
        for stage in long
        for run in study.stage_runs(stage)
        if not (stage == "train" and run.variant in study.settings.imports)
    ]
    return {
        "name": study.settings.name,
        "jobs": listed,
        "data": study.settings.data.source,
        "data_record": layout.data,
    }
