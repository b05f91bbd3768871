"""The evidence in the report: where each value comes from, and the checks that each evaluation passed."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from flowgolf.files import read_json
from flowgolf.report.results.collect import Results
from flowgolf.report.tables.render import Column, Table
from flowgolf.study.current import outdated
from flowgolf.study.stages import SCORING_STAGES, STAGES


def provenance_table(results: Results) -> Table:
    """Make a row for each finished stage of a run: commit, job, device, seconds, time and record."""
    rows = [
        provenance_row(run, stage, read_json(run[stage]))
        for run in results.manifest["runs"]
        for stage in STAGES
        if run.get(stage) and Path(run[stage]).exists() and not outdated(run, stage)
    ]
    columns = [
        Column("variant", "variant"), Column("seed", "seed"), Column("stage", "stage"), Column("commit", "commit"),
        Column("job", "SLURM job"), Column("queue_seconds", "queued (s)", ",.0f"), Column("device", "device"),
        Column("host", "host"),
        Column("seconds", "seconds", ",.1f"), Column("tries", "tries"), Column("repeats", "repeats"),
        Column("written_at", "written (UTC)"), Column("record", "record"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=[column.key for column in columns])
    return Table("provenance_table", "Provenance", frame, columns)


def provenance_row(run: dict[str, Any], stage: str, record: dict[str, Any]) -> dict[str, Any]:
    """Make the row of one record; `-` means that the stage does not record it. A merged record has its parts' jobs.

    `tries` and `repeats` are evaluations': settings run on validation until then, training documents found in it.
    """
    parts = record.get("parts", [record])
    waited = [part["queue_seconds"] for part in parts if part.get("queue_seconds") is not None]
    return {
        "variant": run["variant"],
        "seed": str(run["seed"]),
        "stage": stage,
        "commit": record.get("commit") or "-",
        "job": distinct(part.get("slurm_job_id") for part in parts),
        "queue_seconds": max(waited, default=None),
        "device": record.get("device") or "-",
        "host": distinct(part.get("slurmd_nodename") or part.get("host") for part in parts),
        "seconds": record.get(STAGES[stage].seconds),
        "tries": str(record.get("tries", "-")),
        "repeats": str(record["repeats"]["documents"]) if record.get("repeats") else "-",
        "written_at": str(record.get("written_at") or "-").removesuffix("+00:00"),
        "record": run[stage],
    }


def distinct(names: Iterable[str | None]) -> str:
    """Join the names, each once and in their order; `-` if there is none."""
    return " ".join(dict.fromkeys(name for name in names if name)) or "-"


def checks_html(results: Results) -> str:
    """Write the checks of every evaluation, folded; they are read from checks.json beside the evaluation's record."""
    parts = []
    for run in results.manifest["runs"]:
        for stage in SCORING_STAGES:
            path = Path(run[stage]).with_name("checks.json") if run.get(stage) else None
            if path and path.exists() and not outdated(run, stage):
                parts.append(checks_part(f"{run['variant']} seed {run['seed']}, {stage}", read_json(path)))
    return "\n".join(parts) or "<p>No evaluation has finished yet.</p>"


def checks_part(title: str, record: dict[str, Any]) -> str:
    """Write the checks of one evaluation as a list that opens on a click."""
    checks = record["checks"]
    rules = ", ".join(str(check["rule"]) for check in checks)
    items = "\n".join(
        f"<li>rule {check['rule']}, {escape(check['name'])}: {escape(str(check['evidence']))}</li>" for check in checks
    )
    return (
        f"<details><summary>{escape(title)}: {len(checks)} rules passed ({rules}); "
        f"artifact {record['artifact_sha256'][:12]}</summary>\n<ul>\n{items}\n</ul></details>"
    )
