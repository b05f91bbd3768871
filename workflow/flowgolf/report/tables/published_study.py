"""The published study's tables, recomputed from its own rows and compared with its text (docs/spec/results.md, R5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flowgolf.files import replacing
from flowgolf.report.results.collect import ADAPTATION_COLUMNS, Results, collect
from flowgolf.report.tables.effects import effects_table
from flowgolf.report.tables.per_seed import seeds_table
from flowgolf.report.tables.render import Table, markdown
from flowgolf.report.tables.sweep import sweep_table
from flowgolf.report.tables.trajectory_and_export import trajectory_table
from flowgolf.report.tables.two_by_two import two_by_two_table
from flowgolf.study.stages import SCORING_STAGES, STAGES

PUBLISHED = Path(__file__).resolve().parents[4] / "resources" / "published"
SEEDS = [42, 1337, 2025]
STUDY: dict[str, Any] = {
    "study": "published (parameter-golf pull request 1170)",
    "seeds": SEEDS,
    "reference": "base",
    "two_by_two": ["base", "nfm"],
    "sweeps": {
        "loss_weight": {
            "of": "nfm", "key": "model.flow_matcher.loss_weight", "values": [0.01, 0.05, 0.1, 0.2], "seeds": [42],
            "variants": ["nfm-loss_weight=0.01", "nfm-loss_weight=0.05", "nfm", "nfm-loss_weight=0.2"],
        },
        "hidden_dim": {
            "of": "nfm", "key": "model.flow_matcher.hidden_dim", "values": [128, 256, 512], "seeds": [42],
            "variants": ["nfm-hidden_dim=128", "nfm", "nfm-hidden_dim=512"],
        },
    },
    "main_variants": ["base", "nfm", "ttt_linear+flow_refiner"],
    "runs": [],
}  # fmt: skip
BASIS = {"positions": 62_021_632, "window": 2048, "stride": 64, "precision": "bfloat16"}
"""What its evaluations scored, from their logs, which give no digest of the text."""
ROW_KEYS = {
    "seeds": ("variant", "seed"),
    "two_by_two": ("arm",),
    "trajectory": ("variant", "step"),
    "effects": ("family", "what"),
}
SWEEP_ROW_KEY = ("value",)


@dataclass(frozen=True)
class Finding:
    """A value in the published text that does not follow from the published rows."""

    table: str
    row: str
    heading: str
    printed: str
    recomputed: str

    def __str__(self) -> str:
        """Put the finding in a sentence."""
        return (
            f"{self.table}, {self.row}, {self.heading}: printed {self.printed}, "
            f"its own per-seed figures give {self.recomputed}"
        )


def published_results(folder: str | Path = PUBLISHED) -> Results:
    """Read the published runs into the form that `collect` gives ours; rows without a seed are left out."""
    runs = pd.read_csv(Path(folder) / "runs.csv", dtype={"train_job": str}).dropna(subset=["seed"])
    runs = runs.rename(columns={"params": "parameters"}).astype({"seed": int})
    frame = runs.reindex(columns=collect({"runs": []}).columns).astype({"plan": object})
    value_of_stage = {name: stage.metrics[-1].key for name, stage in STAGES.items()}
    for stage in STAGES:
        done = frame[value_of_stage[stage]].notna()
        frame[f"{stage}_status"] = done.map({True: "done", False: "not published"})
    curves = pd.read_csv(Path(folder) / "trajectory.csv").melt("step", var_name="seed", value_name="val_bpb")
    curves["seed"] = curves["seed"].str.removeprefix("seed").astype(int)
    training = curves.assign(variant="nfm", train_loss=float("nan"))
    for stage in SCORING_STAGES:
        frame[f"{stage}_basis"] = pd.Series([BASIS] * len(frame), index=frame.index, dtype=object)
    return Results(STUDY, frame, training, pd.DataFrame(columns=list(ADAPTATION_COLUMNS)))


def published_tables(results: Results) -> list[Table]:
    """Make the tables that the published study prints, by the same code that makes ours."""
    sweeps = [sweep_table(results, sweep) for sweep in results.manifest["sweeps"]]
    return [
        seeds_table(results),
        two_by_two_table(results, STUDY["two_by_two"]),
        *sweeps,
        trajectory_table(results),
        effects_table(results),
    ]


def findings(tables: Sequence[Table], folder: str | Path = PUBLISHED) -> list[Finding]:
    """List every value of `printed.csv` that differs from the cell of our table.

    Raises ValueError if `printed.csv` names a cell that no table has.
    """
    cells = {table.name: printed_cells(table) for table in tables}
    claims = pd.read_csv(Path(folder) / "printed.csv", dtype=str)
    found = []
    for table, row, heading, printed in claims.itertuples(index=False):
        if (row, heading) not in cells.get(table, {}):
            raise ValueError(f"printed.csv: no cell ({row}, {heading}) in table {table}")
        recomputed = cells[table][row, heading]
        if recomputed != printed:
            found.append(Finding(table, row, heading, printed, recomputed))
    return found


def printed_cells(table: Table) -> dict[tuple[str, str], str]:
    """Printed cells by (row, heading); a row is named by its variant and seed, its arm, its step or its value."""
    keys = ROW_KEYS.get(table.name, SWEEP_ROW_KEY)
    rows = [" ".join(str(row[key]) for key in keys) for _, row in table.frame.iterrows()]
    return {
        (row, column.header): cell
        for row, cells in zip(rows, table.cells(), strict=True)
        for column, cell in zip(table.columns, cells, strict=True)
    }


def published_text(folder: str | Path = PUBLISHED) -> str:
    """Make the published tables as Markdown, and below them the values that do not follow from their own rows."""
    tables = published_tables(published_results(folder))
    found = findings(tables, folder)
    claims = len(pd.read_csv(Path(folder) / "printed.csv"))
    lines = [f"## Findings: {len(found)} of {claims} printed figures do not follow from their own rows", ""]
    lines += [f"- {finding}." for finding in found]
    return "\n".join([*map(markdown, tables), *lines]) + "\n"


def published(text_path: str | Path, folder: str | Path = PUBLISHED) -> None:
    """Write the text that `published_text` makes to a file."""
    with replacing(text_path) as path:
        path.write_text(published_text(folder))
