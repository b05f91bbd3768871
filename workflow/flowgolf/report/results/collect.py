"""Read all records of a study into one frame: a row for each (variant, seed), with values and the stages' statuses."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flowgolf.files import read_json
from flowgolf.report.results.declared_runs import read_manifest
from flowgolf.report.results.scored import SCORED, scored_cells
from flowgolf.study.as_before import recorded_settings
from flowgolf.study.current import outdated
from flowgolf.study.stages import SCORING_STAGES, STAGES

MESSAGE_CHARACTERS = 60

CURVE_COLUMNS = ("variant", "seed", "step", "train_loss", "val_bpb")
ADAPTATION_COLUMNS = ("variant", "seed", "chunk", "running_bpb")


@dataclass(frozen=True, eq=False)
class Results:
    """What tables, plots and pages are made from; equal to itself alone, so that what follows from it can be kept."""

    manifest: Mapping[str, Any]
    """The study as `read_manifest` returns it: seeds, reference, two_by_two, sweeps, main_variants, runs."""
    frame: pd.DataFrame
    """A row for each (variant, seed) in the manifest's order; see `collect`."""
    training: pd.DataFrame
    """Training curves: variant, seed, step, train_loss (nats), val_bpb (NaN at steps without a validation)."""
    adaptation: pd.DataFrame
    """Test-time training curves: variant, seed, chunk, running_bpb."""

    def values(self, variant: str, column: str) -> pd.Series:
        """Values of a column that the variant's seeds have so far, indexed by seed."""
        if variant not in self.runs:
            return pd.Series(dtype=float)
        return pd.to_numeric(self.runs[variant][column]).dropna()

    @cached_property
    def runs(self) -> dict[str, pd.DataFrame]:
        """The frame's rows of each variant, indexed by seed."""
        return {str(variant): rows.set_index("seed") for variant, rows in self.frame.groupby("variant", sort=False)}

    def first(self, variant: str, column: str) -> Any:
        """A value that is the same for all seeds, such as `parameters`; NaN while no seed has it."""
        known = self.frame.loc[self.frame["variant"] == variant, column].dropna()
        return known.iloc[0] if len(known) else float("nan")

    def status(self, variant: str, stage: str) -> str:
        """Statuses of a variant's seeds at a stage in one phrase, each status once."""
        states = self.frame.loc[self.frame["variant"] == variant, f"{stage}_status"]
        return ", ".join(dict.fromkeys(states)) or "not run"

    def seeds(self, variant: str) -> list[int]:
        """Seeds of a variant, in the order of the frame."""
        return [int(seed) for seed in self.frame.loc[self.frame["variant"] == variant, "seed"]]


def collect_results(manifest_path: str | Path) -> Results:
    """Read a manifest (runs.json) and every record that exists so far."""
    manifest = read_manifest(manifest_path)
    return Results(
        manifest=manifest,
        frame=collect(manifest),
        training=curves(manifest, "train_csv", CURVE_COLUMNS),
        adaptation=curves(manifest, "legal_ttt_csv", ADAPTATION_COLUMNS),
    )


def collect(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Make the frame: a row for each declared (variant, seed).

    Columns: the values of the records (`sliding_bpb`, `artifact_bytes`, ...; NaN while missing), `<stage>_settings`
    (a dict; NaN while missing), what `scored_cells` takes from an evaluation, and `<stage>_status`: `done`, `pending`,
    `running 43 %`, `failed: <message>`, `outdated: <why>` for a result that the study no longer asks for, whose values
    are left out, or `not run` for a stage that the study leaves out. Stages after a failed one have its status too.
    """
    columns = ["variant", "seed", *(name for stage in STAGES for name in sources(stage))]
    columns += [f"{stage}_{what}" for stage in STAGES for what in ("settings", "status")]
    columns += [f"{stage}_{what}" for stage in SCORING_STAGES for what in SCORED]
    return pd.DataFrame([row_of(run) for run in manifest["runs"]], columns=columns)


def row_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """Make the frame's row of one entry of the manifest."""
    row: dict[str, Any] = {"variant": run["variant"], "seed": run["seed"]}
    failure = None
    for stage in STAGES:
        status = status_of(run, stage)
        if status == "pending" and failure:
            status = failure
        elif status.startswith("failed"):
            failure = status
        row[f"{stage}_status"] = status
        if status == "done":
            record = read_json(run[stage])
            row |= values_of(stage, record)
            if stage in SCORING_STAGES:
                row |= scored_cells(stage, record, run)
    if run.get("parameters") is not None:
        row["parameters"] = run["parameters"]
    return row


def sources(stage: str) -> dict[str, str]:
    """Column of the frame -> where the stage's record holds its value."""
    metrics = {metric.key: metric.source for metric in STAGES[stage].metrics}
    return {**metrics, **STAGES[stage].values, f"{stage}_commit": "commit"}


def found(record: Mapping[str, Any], source: str) -> Any:
    """The value at a place such as `roundtrip.bpb`; None where the record has none."""
    value: Any = record
    for key in source.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def values_of(stage: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of the frame that come from one record."""
    cells = {column: found(record, source) for column, source in sources(stage).items()}
    settings = (
        {key: record.get(key) or {} for key in ("model", "train")} if stage == "train" else record.get("settings", {})
    )
    return {**cells, f"{stage}_settings": recorded_settings(stage, settings)}


def status_of(run: Mapping[str, Any], stage: str) -> str:
    """Status of one stage of one run, told from the files that it has left.

    A progress file newer than the failure record means that the stage was started again and runs.
    """
    if run.get(stage) is None:
        return "not run"
    there = Path(run[stage]).exists()
    why = outdated(run, stage) if there else ""
    if there and not why:
        return "done"
    failure, state = run.get("failed", {}).get(stage), run.get("state", {}).get(stage)
    progress = Path(state) / "progress.json" if state else None
    failed_at = modified(Path(failure)) if failure else 0.0
    running_at = modified(progress) if progress else 0.0
    if failure and failed_at > 0 and failed_at >= running_at:
        return f"failed: {short(str(read_json(failure)['message']))}"
    if progress and running_at > 0:
        record = read_json(progress)
        return f"running {100 * record['done'] // record['total']} %"
    if there:
        return f"outdated: {why}"
    return data_failure(run) or "pending"


def data_failure(run: Mapping[str, Any]) -> str:
    """Status of every stage of a run whose data could not be made; empty when they could, or may yet be."""
    records = [path for path in run.get("failed_data", ()) if os.path.exists(path)]  # asked often: no Path of each
    return f"failed: {short(str(read_json(records[0])['message']))}" if records else ""


def short(message: str) -> str:
    """Shorten a failure's sentence to its reason: `out of memory`, without the run's name and the advice."""
    message = re.sub(r"^\w+ \S+ seed \d+: ", "", message)
    reason, _, advice = message.partition(": ")
    text = message if " " not in reason or not advice else reason
    return text if len(text) <= MESSAGE_CHARACTERS else text[: MESSAGE_CHARACTERS - 3].rstrip() + "..."


def modified(path: Path) -> float:
    """Time of a file's last change in seconds since 1970; 0 if there is no such file."""
    return path.stat().st_mtime if path.exists() else 0.0


def curves(manifest: Mapping[str, Any], key: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read the CSV files that the manifest names under `key` into one long frame with these columns."""
    parts = []
    for run in manifest["runs"]:
        stage = key.removesuffix("_csv")
        if run.get(key) and Path(run[key]).exists() and not outdated(run, stage):
            part = pd.read_csv(run[key])
            parts.append(part.assign(variant=run["variant"], seed=run["seed"])[list(columns)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
