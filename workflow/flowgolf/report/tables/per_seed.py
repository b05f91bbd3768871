"""Table 1 (docs/spec/results.md): every declared seed of every variant, with mean, sd, interval and n."""

import math
from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import METRICS, STAGE_OF, count_text, partial_notes
from flowgolf.report.results.seed_statistics import NO_SPREAD, summarise
from flowgolf.report.tables.columns import column, status_text
from flowgolf.report.tables.render import Column, Table
from flowgolf.study.stages import SCORING_STAGES

TRIED = [f"{stage}_{what}" for stage in SCORING_STAGES for what in ("tries", "repeats")]
"""Columns of the CSV alone; the notes say what stands out in them."""


def seeds_table(results: Results, variants: list[str] | None = None) -> Table:
    """Make a row for each seed and the summary rows of each variant; a status stands for a value that is missing.

    `variants` are all of the study's if not given.
    """
    rows: list[dict[str, Any]] = []
    for variant in variants or dict.fromkeys(results.frame["variant"]):
        runs = results.frame[results.frame["variant"] == variant]
        rows += [seed_row(run) for _, run in runs.iterrows()]
        rows += summary_rows(results, str(variant))
    columns = [Column("variant", "variant"), Column("seed", "seed"), Column("job", "job")]
    columns += [column(results, metric) for metric in METRICS]
    frame = pd.DataFrame(rows, columns=["variant", "seed", "job", *METRICS, *TRIED], dtype=object)
    notes = ["sd: sample standard deviation (n - 1); 95 %: t interval of the mean over seeds.", *partial_notes(results)]
    return Table("seeds", "Seeds", frame, columns, notes)


def seed_row(run: pd.Series) -> dict[str, Any]:
    """Make the row of one run."""
    cells = {metric: value_or_status(run, metric) for metric in METRICS}
    tried = {column: run[column] for column in TRIED}
    return {"variant": run["variant"], "seed": str(run["seed"]), "job": job_text(run["train_job"]), **cells, **tried}


def value_or_status(run: pd.Series, metric: str) -> float | str:
    """A run's value, or the status of the stage that will compute it; `-` if that is done and left none."""
    if pd.notna(run[metric]):
        return float(run[metric])
    return status_text(str(run[f"{STAGE_OF[metric]}_status"]))


def job_text(job: object) -> str:
    """Print a SLURM job id; `-` for a run outside SLURM."""
    if job is None or (isinstance(job, float) and math.isnan(job)):
        return "-"
    return str(int(job)) if isinstance(job, float) else str(job)


def summary_rows(results: Results, variant: str) -> list[dict[str, Any]]:
    """Make the rows mean, sd, interval and n of a variant; sd and interval only if some value has two seeds."""
    summaries = {metric: summarise(results.values(variant, metric)) for metric in METRICS}

    def row(name: str, part: str) -> dict[str, Any]:
        return {"variant": variant, "seed": name, "job": ""} | {
            metric: getattr(summary, part) for metric, summary in summaries.items()
        }

    def bound(name: str, part: str) -> dict[str, Any]:
        flat = {metric: NO_SPREAD for metric, summary in summaries.items() if summary.sd == 0}
        return row(name, part) | flat

    rows = [row("mean", "mean")]
    if any(summary.n > 1 for summary in summaries.values()):
        rows += [row("sd", "sd"), bound("95 % low", "low"), bound("95 % high", "high")]
    num_seeds = len(results.seeds(variant))
    counts = {metric: count_text(summary.n, num_seeds) for metric, summary in summaries.items()}
    return [*rows, {"variant": variant, "seed": "n", "job": ""} | counts]
