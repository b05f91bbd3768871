"""The arms of a study: what each changes from the reference, and its difference to the reference."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from flowgolf.report.results.basis import GAIN
from flowgolf.report.results.changes import changes_text
from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import NAMES
from flowgolf.report.results.effects import GAINS, SAME, against_reference, all_effects
from flowgolf.report.results.metrics import EVALUATIONS, count_text, partial_mark, partial_notes
from flowgolf.report.results.seed_statistics import NOTHING, Comparison
from flowgolf.report.tables.columns import comparison_cells, fewest_seeds, interval, plan_notes
from flowgolf.report.tables.render import Column, Table


def arms_table(results: Results) -> Table:
    """Make a row for each main arm and each point of a sweep; the reference is the first."""
    reference = results.manifest["reference"]
    arms = [reference, *(arm for arm in results.frame["variant"].unique() if arm != reference)]
    compared = against_reference(results)
    gains = {effect.treated: effect.comparison for effect in all_effects(results) if effect.family == GAINS}
    rows = [arm_row(results, arm, compared) | gain_cells(arm, gains, compared) for arm in arms]
    columns = [Column("arm", "arm"), Column("parameters", "parameters", ",.0f"), Column("n", "n")]
    headings = {difference(m): f"{NAMES[m]} - {reference}{partial_mark(results, m)}" for m in EVALUATIONS}
    headings |= {GAIN: "TTT gain", difference(GAIN): f"TTT gain - {reference}"}
    for key, heading in headings.items():
        columns += [Column(key, heading, "+.5f"), interval(key, "+.5f")]
    columns.append(Column("changes", f"changes from {reference}"))
    notes = [
        f"Differences in bpb to {reference}; negative is better. n: seeds that both rest on. TTT gain: legal TTT - "
        "sliding, of main arms.",
        "Points of a sweep are compared on the sweep's seeds. The table of all differences has tests and verdicts.",
        *plan_notes(results, arms),
        *partial_notes(results),
    ]
    return Table("arms", "The arms", pd.DataFrame(rows, dtype=object), columns, notes)


def difference(metric: str) -> str:
    """Column of the frame that holds a metric's difference to the reference."""
    return f"{metric}_difference"


def arm_row(results: Results, arm: str, compared: Mapping[tuple[str, str], Comparison]) -> dict[str, Any]:
    """Make the row of one arm; `compared` holds its comparisons with the reference by (arm, metric)."""
    parameters = results.first(arm, "parameters")
    found = {metric: compared.get((arm, metric), SAME) for metric in EVALUATIONS}
    row: dict[str, Any] = {
        "arm": arm,
        "parameters": results.status(arm, "train") if pd.isna(parameters) else parameters,
        "n": fewest_seeds(found.values()),
        "changes": changes_text(results, arm),
    }
    if arm == results.manifest["reference"]:
        num_values = min(len(results.values(arm, metric)) for metric in EVALUATIONS)
        row |= {"n": count_text(num_values, len(results.seeds(arm))), "changes": ""}
    for metric, comparison in found.items():
        row |= comparison_cells(difference(metric), comparison)
    return row


def gain_cells(
    arm: str, gains: Mapping[str, Comparison], compared: Mapping[tuple[str, str], Comparison]
) -> dict[str, Any]:
    """Make the cells of a main arm's TTT gain, and of its difference to the reference's; empty for other arms."""
    found = {GAIN: gains.get(arm), difference(GAIN): compared.get((arm, GAIN))}
    cells: dict[str, Any] = {}
    for key, comparison in found.items():
        cells |= comparison_cells(key, comparison or NOTHING) | ({} if comparison else {key: "", f"{key}_verdict": ""})
    return cells
