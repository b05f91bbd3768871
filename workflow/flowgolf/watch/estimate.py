"""What it would cost to start a study: new and cached jobs, hours by device, the longest chain, memory."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from flowgolf.files import read_json
from flowgolf.report.tables.render import Column, Table, markdown
from flowgolf.running.gpus import gpu_bytes
from flowgolf.study.stages import STAGES
from flowgolf.watch.rates import DECLARED_BASIS, PUBLISHED_POSITIONS, Rate, declared_rates, measured_rates, nearest
from flowgolf.watch.work import adaptation_flops, model_flops, scoring_flops, training_flops, training_memory_bytes

TIMED = tuple(name for name, stage in STAGES.items() if stage.long)
HOUR_SECONDS = 3600
GIGABYTE = 1e9
FAR = 10  # a rate measured on a model that is this many times smaller or larger says little


@dataclass(frozen=True)
class Job:
    """One job of a stage."""

    stage: str
    record: str
    """Path of the record that it leaves."""
    needs: str | None
    """Record of the training that it needs; None for a training."""
    settings: Mapping[str, Any]
    """Settings of its variant: model, train, export, evaluate."""


def estimate(study: Mapping[str, Any], config: Mapping[str, Any], snakefile: str, results: Path) -> None:
    """Print the jobs, hours and memory of what Snakemake would do now.

    `study` holds its name, `jobs` (the fields of `Job`), `data` (the source) and `data_record` (the path of data.json).
    `config` is the configuration, `snakefile` the workflow. Rates are measured on the runs in the folder `results`.
    """
    planned = plan(config, snakefile)
    print(markdown(job_table(study["name"], planned)))
    new = {output for _, output, is_new in planned if is_new}
    pending = [job for job in (Job(**job) for job in study["jobs"]) if job.record in new and job.stage in TIMED]
    if not pending:
        print("no training and no evaluation is left to do")
        return
    positions = validation_positions(study)
    print(markdown(time_table(pending, [*measured_rates(results), *declared_rates()], positions)))
    if problem := too_small(pending, gpu_bytes()):
        print(problem)


def too_small(pending: Sequence[Job], available_bytes: int | None) -> str | None:
    """One sentence where this machine's GPU has less memory than the largest new training takes; None otherwise."""
    trainings = [job.settings for job in pending if job.stage == "train"]
    needs = {training_memory_bytes(each["model"], each["train"]): each["train"] for each in trainings}
    if available_bytes is None or not needs or max(needs) <= available_bytes:
        return None
    return (
        f"this machine's GPU has {available_bytes / GIGABYTE:,.1f} GB, and the largest new training takes about "
        f"{max(needs) / GIGABYTE:,.1f} GB: raise train.passes_per_micro_batch (now "
        f"{needs[max(needs)]['passes_per_micro_batch']}), which changes no result"
    )


def plan(config: Mapping[str, Any], snakefile: str) -> list[tuple[str, str, bool]]:
    """Ask Snakemake for every output of the study: (rule, output, whether it would be made now).

    Raises ValueError with Snakemake's message if it cannot tell.
    """
    with TemporaryDirectory() as folder:
        configfile = Path(folder, "config.json")
        configfile.write_text(json.dumps(config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--summary"]
        done = subprocess.run([*command, "--configfile", str(configfile)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if not line.startswith("Using ")]
        raise ValueError(f"snakemake --summary: {' '.join(said)}")
    return planned_outputs(done.stdout)


def planned_outputs(summary: str) -> list[tuple[str, str, bool]]:
    """Read what `snakemake --summary` prints: output, date, rule, log, status and plan, separated by tabs."""
    rows = [line.split("\t") for line in summary.splitlines() if line.count("\t") == 5]
    return [(row[2], row[0], row[5] != "no update") for row in rows[1:]]


def job_table(name: str, planned: Iterable[tuple[str, str, bool]]) -> Table:
    """Count the new and the cached jobs of each rule."""
    jobs = {(rule, job_folder(Path(output))): is_new for rule, output, is_new in planned}
    new = Counter(rule for (rule, _), is_new in jobs.items() if is_new)
    cached = Counter(rule for (rule, _), is_new in jobs.items() if not is_new)
    rows = [{"rule": rule, "new": new[rule], "cached": cached[rule]} for rule in sorted(new | cached)]
    rows.append({"rule": "total", "new": new.total(), "cached": cached.total()})
    columns = [Column("rule", "rule"), Column("new", "new jobs", "d"), Column("cached", "cached jobs", "d")]
    return Table("jobs", f"{name}: jobs", pd.DataFrame(rows), columns)


def job_folder(output: Path) -> Path:
    """Path that all outputs of one job share: their folder, and in a folder of numbered parts that number."""
    part = output.name.partition(".")[0]
    return output.parent / part if part.isdigit() else output.parent


def validation_positions(study: Mapping[str, Any]) -> int | None:
    """Positions of the validation set: counted, or the published count if it is yet to be downloaded, else None."""
    if Path(study["data_record"]).exists():
        return int(read_json(study["data_record"])["validation"]["tokens"]) - 1
    return PUBLISHED_POSITIONS if study["data"] == "hub" else None


def time_table(pending: Sequence[Job], rates: Sequence[Rate], positions: int | None) -> Table:
    """Make a row for each device whose rate is known: the hours that the pending jobs take on it."""
    by_device: dict[str, list[Rate]] = {}
    for rate in rates:
        by_device.setdefault(rate.device, []).append(rate)
    rows = [device_row(device, known, pending, positions) for device, known in by_device.items()]
    columns = [Column("device", "device"), Column("basis", "rates")]
    headings = {**{stage: stage for stage in TIMED}, "total": "all", "chain": "longest chain"}
    columns += [Column(key, f"{heading} (h)", ",.3f") for key, heading in headings.items()]
    columns.append(Column("memory", "peak memory (GB)", ",.1f"))
    notes = [
        "Hours are those of one such device: GPU hours, or core hours for one thread of a CPU.",
        "The longest chain is the slowest run, from its first new stage to its last evaluation. More devices do not "
        "shorten it.",
        "The rate is that of the model nearest in size, scaled by FLOPs. Data, export and tables take minutes on a CPU "
        "and are not counted.",
    ]
    if positions is None:
        notes.append("Evaluations are not counted: the validation set's size is unknown until rule `tokens` has run.")
    return Table("time", "Time and memory of the new jobs", pd.DataFrame(rows), columns, notes)


def device_row(device: str, rates: Sequence[Rate], pending: Sequence[Job], positions: int | None) -> dict[str, Any]:
    """Make the row of one device."""
    seconds = {job.record: job_seconds(job, rates, positions) for job in pending}
    hours = {stage: sum(seconds[job.record] for job in pending if job.stage == stage) / HOUR_SECONDS for stage in TIMED}
    measured = [stage for stage in TIMED if any(rate.stage == stage for rate in rates)]
    basis = DECLARED_BASIS.get(device, f"measured: {', '.join(measured)}{distance(pending, rates)}")
    total, chain = sum(hours.values()), longest_chain(pending, seconds) / HOUR_SECONDS
    return {"device": device, "basis": basis, **hours, "total": total, "chain": chain, "memory": memory(pending, rates)}


def distance(pending: Sequence[Job], rates: Sequence[Rate]) -> str:
    """Warn if some pending model is more than `FAR` times smaller or larger than every measured one; else empty."""
    ratios = []
    for job in pending:
        flops = model_flops(job.settings["model"])
        ratios.append(min(max(rate.flops_per_token / flops, flops / rate.flops_per_token) for rate in rates))
    return f" (on a model {max(ratios):,.0f} times smaller or larger)" if max(ratios) > FAR else ""


def job_seconds(job: Job, rates: Sequence[Rate], positions: int | None) -> float:
    """Seconds of a job; a stage that never ran on this device is assumed to run at the FLOPs per second of training."""
    model = job.settings["model"]
    rate = nearest(rates, job.stage, model_flops(model)) or nearest(rates, "train", model_flops(model))
    assert rate is not None  # every device has trained, or is declared
    if job.stage == "train":
        return training_flops(model, job.settings["train"], positions) / rate.flops_per_second
    if positions is None:
        return 0.0
    flops = adaptation_flops if job.stage == "legal_ttt" else scoring_flops
    return flops(model, own_settings(job), positions) / rate.flops_per_second


def own_settings(job: Job) -> Mapping[str, Any]:
    """The block of the settings that is the stage's own."""
    block = job.settings
    for name in STAGES[job.stage].place:
        block = block[name]
    return block


def longest_chain(pending: Sequence[Job], seconds: Mapping[str, float]) -> float:
    """Seconds of the slowest run: its training and the slower of its evaluations, whose parts run at the same time."""

    def alone(job: Job) -> float:
        parts = job.settings["evaluate"]["sliding"]["shards"] if job.stage == "sliding" else 1
        return seconds[job.record] / float(parts)

    return max(alone(job) + seconds.get(job.needs or "", 0.0) for job in pending)


def memory(pending: Sequence[Job], rates: Sequence[Rate]) -> float:
    """Gigabytes of the largest new training; NaN if there is none."""
    largest = 0.0
    for job in pending:
        if job.stage == "train":
            rate = nearest(rates, "train", model_flops(job.settings["model"]))
            assert rate is not None  # as above
            needed = training_memory_bytes(job.settings["model"], job.settings["train"])
            largest = max(largest, (needed + rate.extra_memory_bytes) / GIGABYTE)
    return largest or float("nan")
