"""The arms of a study: what each changes from the reference, and its difference to the reference."""

from typing import Any

import pandas as pd

from flowgolf.report.results.changes import changes_text
from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import NAMES, against_reference
from flowgolf.report.results.metrics import EVALUATIONS, count_text, partial_mark, partial_notes
from flowgolf.report.results.seed_statistics import Comparison
from flowgolf.report.tables.columns import comparison_cells, fewest_seeds, interval, plan_notes
from flowgolf.report.tables.render import Column, Table


def arms_table(results: Results) -> Table:
    """Make a row for each main arm and each point of a sweep; the reference is the first."""
    reference = results.manifest["reference"]
    compared = {metric: against_reference(results, metric) for metric in EVALUATIONS}
    arms = [reference, *(arm for arm in results.frame["variant"].unique() if arm != reference)]
    rows = [arm_row(results, arm, {metric: compared[metric][arm] for metric in EVALUATIONS}) for arm in arms]
    columns = [Column("arm", "arm"), Column("parameters", "parameters", ",.0f"), Column("n", "n")]
    for metric in EVALUATIONS:
        heading = f"{NAMES[metric]} - {reference}{partial_mark(results, metric)}"
        columns += [Column(difference(metric), heading, "+.5f"), interval(difference(metric), "+.5f")]
    columns.append(Column("changes", f"changes from {reference}"))
    notes = [
        f"Differences in bpb to {reference}; negative is better. n: seeds that both rest on.",
        "Points of a sweep are compared on the sweep's seeds. The table of all differences has tests and verdicts.",
        *plan_notes(results, arms),
        *partial_notes(results),
    ]
    return Table("arms", "The arms", pd.DataFrame(rows, dtype=object), columns, notes)


def difference(metric: str) -> str:
    """Column of the frame that holds a metric's difference to the reference."""
    return f"{metric}_difference"


def arm_row(results: Results, arm: str, compared: dict[str, Comparison]) -> dict[str, Any]:
    """Make the row of one arm; `compared` holds its comparison with the reference by metric."""
    parameters = results.first(arm, "parameters")
    row: dict[str, Any] = {
        "arm": arm,
        "parameters": results.status(arm, "train") if pd.isna(parameters) else parameters,
        "n": fewest_seeds(compared.values()),
        "changes": changes_text(results, arm),
    }
    if arm == results.manifest["reference"]:
        num_values = min(len(results.values(arm, metric)) for metric in EVALUATIONS)
        row |= {"n": count_text(num_values, len(results.seeds(arm))), "changes": ""}
    for metric, comparison in compared.items():
        row |= comparison_cells(difference(metric), comparison)
    return row
