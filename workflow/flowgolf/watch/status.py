"""What every declared run is doing now, told from its records, its logs and the cluster's queue. Waits for no lock."""

import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flowgolf.files import read_json, write_json
from flowgolf.report.results.collect import collect, data_failure, modified, short
from flowgolf.report.results.declared_runs import canonical
from flowgolf.report.results.metrics import EVALUATIONS, METRICS, STAGE_OF, is_partial
from flowgolf.report.tables.render import Column, Table, cell_text, markdown
from flowgolf.running.progress import clock
from flowgolf.running.slurm import ClusterJob, cluster_jobs
from flowgolf.study.current import outdated
from flowgolf.study.stages import STAGES

SILENT_SECONDS = 300  # a running job writes a line every ten seconds; a silence this long is worth a word
LOG_TAIL_BYTES = 4096
PROGRESS = re.compile(r"\d+% \(.*")  # the part of a line of flowgolf.running.progress after its label
STATES = ("done", "running", "queued", "failed", "outdated", "pending")
VALUES = [METRICS[key] for key in ("train_val_bpb", "artifact_bytes", *EVALUATIONS)]


def status(manifest: Mapping[str, Any], folder: str | Path, told: bool = False) -> None:
    """Print a row for every declared run, why runs failed, and the main tables; write all tables to `folder`/tables.

    `manifest` is that of runs.json. Each run also has `jobs`: stage -> list of {log, queue_name}, which are a job's log
    and the comment by which it is found in the cluster's queue. `told`: the failures have just told why themselves.
    """
    queue, problem = cluster_jobs(Path.cwd())
    table = status_table(manifest, queue, time.time())
    print(markdown(table))
    if not told:
        print("".join(f"{line}\n" for line in failures(manifest)), end="")
    if problem:
        print(f"the queue is unknown: {problem}\n")
    if any((table.frame[metric.key] != "").any() for metric in VALUES):
        print_tables(manifest, Path(folder))


def failures(manifest: Mapping[str, Any]) -> list[str]:
    """List the failures that no later success has made good, each with its whole message and its log."""
    found: dict[str, str] = {}
    for run in canonical(manifest)["runs"]:
        for stage, record in run["failed"].items():
            if Path(record).exists() and run.get(stage) and not Path(run[stage]).exists():
                who = f"{stage} {run['variant']} seed {run['seed']}"
                message = str(read_json(record)["message"]).removeprefix(f"{who}: ")
                found[record] = f"{who} failed: {message}\n  details: {run['jobs'][stage][0]['log']}"
    return list(found.values())


def print_tables(manifest: Mapping[str, Any], folder: Path) -> None:
    """Write all tables and print the main ones; if the records break a rule, print that instead."""
    from flowgolf.report.tables.tables import print_main, tables  # half a second of libraries, for figures alone

    write_json(folder / "runs.json", dict(manifest))
    try:
        tables(folder / "runs.json", folder / "tables")
    except ValueError as error:
        print(f"no tables: {error}")
        return
    print_main(folder / "runs.json")
    print(f"\nall tables, as CSV, Markdown, LaTeX and HTML: {folder / 'tables'}")


def status_table(manifest: Mapping[str, Any], queue: Mapping[str, ClusterJob], now: float) -> Table:
    """Make a row for each declared run, in the order of declaration; second names of a run are left out.

    `queue` holds the cluster's jobs by their comment, `now` is the time in seconds since 1970.
    """
    study = canonical(manifest)
    rows, counts = [], Counter[str]()
    for run, (_, row) in zip(study["runs"], collect(study).iterrows(), strict=True):
        states = {stage: stage_state(run, stage, queue, now) for stage in STAGES if run.get(stage)}
        counts[summary(states)] += 1
        cells = {metric.key: cell_text(row[metric.key], metric.spec) for metric in VALUES}
        for metric in EVALUATIONS:
            if is_partial(row, STAGE_OF[metric]):
                cells[metric] += " (partial)"
        rows.append({"variant": run["variant"], "seed": str(run["seed"]), **cells, "state": sentence(states)})
    columns = [Column("variant", "variant"), Column("seed", "seed")]
    columns += [Column(metric.key, metric.label) for metric in VALUES]
    columns.append(Column("state", "state"))
    counted = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    frame = pd.DataFrame(rows, columns=[column.key for column in columns])
    return Table("status", f"{study['study']}: {len(rows)} runs, {counted}", frame, columns)


def stage_state(run: Mapping[str, Any], stage: str, queue: Mapping[str, ClusterJob], now: float) -> str:
    """State of one stage: a word of `STATES`, and what is known about it.

    A stage removes its failure record when it starts. If there is one, the stage has not started again since.
    """
    there = Path(run[stage]).exists()
    why = outdated(run, stage) if there else ""
    if there and not why:
        return "done"
    failure = Path(run["failed"][stage])
    reason = f"failed: {short(str(read_json(failure)['message']))}" if failure.exists() else ""
    states = [job_state(Path(job["log"]), queue.get(job["queue_name"]), reason, now) for job in run["jobs"][stage]]
    found = next((s for word in ("running", "queued", "failed") for s in states if s.startswith(word)), "")
    return found or (f"outdated: {why}" if there else data_failure(run) or "pending")


def job_state(log: Path, job: ClusterJob | None, reason: str, now: float) -> str:
    """State of one job; `reason` is the one in its stage's failure record, empty if there is no record."""
    if job and job.waits:
        return f"queued (job {job.identifier}: {job.reason})"
    if reason:
        return reason
    if job and job.failure:
        return f"failed: {job.failure} (job {job.identifier})"
    return running(log, job, now)


def running(log: Path, job: ClusterJob | None, now: float) -> str:
    """The last progress that a job wrote to its log; `pending` if none has started since the last one that ended."""
    lines = log_tail(log)
    ended = bool(lines) and re.search(r"  done in [\d:]+$", lines[-1]) is not None
    if ended or not (lines or job):
        return "pending"
    found = PROGRESS.search(lines[-1]) if lines else None
    said = " " + found[0].strip().replace("  ", ", ") if found else ""
    silence = now - modified(log) if lines else 0.0
    silent = f", silent for {clock(silence)}" if silence > SILENT_SECONDS else ""
    return f"running{said}{silent}{f' (job {job.identifier})' if job else ''}"


def log_tail(log: Path) -> list[str]:
    """Read the last lines of a log, without empty ones; none if there is no log."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def summary(states: Mapping[str, str]) -> str:
    """Sum up a run in one word: that of the stage which needs attention first."""
    words = {re.split(r"\W", state)[0] for state in states.values()}
    if words == {"done"}:
        return "done"
    return next((word for word in ("failed", "running", "queued", "outdated") if word in words), "pending")


def sentence(states: Mapping[str, str]) -> str:
    """Put the states of a run's stages in one line; stages that are done or wait for others are left out."""
    stages: dict[str, list[str]] = {}
    for stage, state in states.items():
        stages.setdefault(state, []).append(stage)
    named = [f"{', '.join(names)} {state}" for state, names in stages.items() if state not in ("done", "pending")]
    if named:
        return "; ".join(named)
    waiting = [stage for stage, state in states.items() if state == "pending"]
    if not waiting:
        return "done"
    return "pending" if len(waiting) == len(states) else f"pending: {', '.join(waiting)}"
