"""Table 2 (docs/spec/results.md): two arms, each without and with test-time training."""

from math import isnan
from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import NAMES
from flowgolf.report.results.effects import Factorial, factorial
from flowgolf.report.results.metrics import EVALUATIONS, count_text, partial_notes, plan_text
from flowgolf.report.results.seed_statistics import summarise
from flowgolf.report.results.words import HOLM, evidence_on_all_seeds, sentence
from flowgolf.report.tables.columns import (
    column,
    comparison_cells,
    fewest_seeds,
    interval,
    mean_or_status,
    plan_notes,
    summary_interval,
)
from flowgolf.report.tables.render import Column, Table

TWO_BY_TWO_COLUMNS = (
    "arm",
    "parameters",
    "plan",
    "n",
    *(f"{value}{part}" for value in (*EVALUATIONS, "ttt_effect") for part in ("", "_low", "_high", "_verdict")),
)


def two_by_two_table(results: Results, arms: list[str] | None) -> Table:
    """Make the 2x2 of two arms, control first, by both evaluations: the effect of each, and the interaction."""
    cross = factorial(results, arms)
    rows = [arm_row(results, cross, variant) for variant in (cross.control, cross.treated)] if cross else []
    notes = ["This study declares no 2x2."]
    if cross:
        rows.append(difference_row(results, cross))
        notes = two_by_two_notes(results, cross)
    columns = [
        Column("arm", "arm"),
        Column("parameters", "parameters", ",.0f"),
        Column("plan", "plan"),
        Column("n", "n"),
    ]
    for metric in EVALUATIONS:
        columns += [column(results, metric), interval(metric, ".5f")]
    columns += [Column("ttt_effect", "TTT effect", "+.5f"), interval("ttt_effect", "+.5f")]
    frame = pd.DataFrame(rows, columns=list(TWO_BY_TWO_COLUMNS), dtype=object)
    return Table("two_by_two", "2x2: variant and legal TTT", frame, columns, notes)


def arm_row(results: Results, cross: Factorial, variant: str) -> dict[str, Any]:
    """Make the row of an arm: the mean of each cell over the seeds of the 2x2, and the effect of TTT."""
    counts = {len(cross.cells[variant, metric]) for metric in EVALUATIONS}
    row: dict[str, Any] = {
        "arm": variant,
        "parameters": results.first(variant, "parameters"),
        "plan": plan_text(results, variant),
        "n": count_text(max(counts), len(results.seeds(variant))),
    }
    for metric in EVALUATIONS:
        summary = summarise(cross.cells[variant, metric])
        row |= summary_interval(metric, summary)
        row[metric] = mean_or_status(results, variant, metric, summary)
    return row | comparison_cells("ttt_effect", cross.ttt[variant])


def difference_row(results: Results, cross: Factorial) -> dict[str, Any]:
    """Make the row of differences, treated - control; below the TTT effects it holds the interaction."""
    parameters = [results.first(variant, "parameters") for variant in (cross.control, cross.treated)]
    row: dict[str, Any] = {
        "arm": f"{cross.treated} - {cross.control}",
        "parameters": f"{parameters[1] - parameters[0]:+,.0f}" if not any(map(isnan, parameters)) else "pending",
        "plan": "",
        "n": fewest_seeds(cross.variant.values()),
    }
    for metric, comparison in cross.variant.items():
        row |= signed(comparison_cells(metric, comparison))
    return row | comparison_cells("ttt_effect", cross.interaction)


def signed(cells: dict[str, Any]) -> dict[str, Any]:
    """Make the differences among these cells print with a sign."""
    return {key: Signed(value) if isinstance(value, float) else value for key, value in cells.items()}


class Signed(float):
    """A difference in a column whose other numbers are no differences: it alone prints with a sign."""

    def __format__(self, spec: str) -> str:
        """Format as a float, with `+` before a number that is not negative."""
        return format(float(self), "+" + spec)


def two_by_two_notes(results: Results, cross: Factorial) -> list[str]:
    """Notes: the seeds that the 2x2 rests on, every difference with its verdict, and the plans if they differ."""
    on = f"Seeds with all four figures: {', '.join(map(str, cross.seeds))}." if cross.seeds else (
        "No seed has all four figures yet; each cell uses the seeds it has."
    )  # fmt: skip
    said = {f"{cross.treated} - {cross.control}, {NAMES[m]}": found for m, found in cross.variant.items()}
    said |= {f"TTT on {variant}": found for variant, found in cross.ttt.items()}
    said[f"Interaction (TTT on {cross.treated} - TTT on {cross.control})"] = cross.interaction
    notes = [on, *(f"{what}: {sentence(found)}" for what, found in said.items() if found.n)]
    notes += [HOLM] * any(found.tested for found in said.values())
    notes += evidence_on_all_seeds(results, cross)
    return [*notes, *plan_notes(results, [cross.control, cross.treated]), *partial_notes(results)]
