"""Tables 2 and 3 (docs/spec/results.md): the 2x2 of variant and test-time training, and one table per sweep."""

from math import isnan
from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.comparison import ITSELF, Comparison, summarise
from flowgolf.report.results.effects import (
    NAMES,
    Factorial,
    evidence_notes,
    evidence_on_all_seeds,
    factorial,
    sentence,
    sweep_comparisons,
    sweep_values,
)
from flowgolf.report.results.metrics import EVALUATIONS, METRICS, count_text, partial_notes, plan_text
from flowgolf.report.results.names import sweep_name
from flowgolf.report.tables.columns import column
from flowgolf.report.tables.render import Column, Table

TWO_BY_TWO_COLUMNS = (
    "arm",
    "parameters",
    "plan",
    "n",
    *(f"{figure}{part}" for figure in (*EVALUATIONS, "ttt_effect") for part in ("", "_low", "_high", "_verdict")),
)


def two_by_two_table(results: Results) -> Table:
    """Variants x {sliding, legal TTT}, the effect of each on each, and the interaction, with intervals and n."""
    cross = factorial(results)
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


def interval(key: str, spec: str) -> Column:
    """The printed interval of a figure."""
    return Column(f"{key}_low", "95 %", spec, upper=f"{key}_high")


def arm_row(results: Results, cross: Factorial, variant: str) -> dict[str, Any]:
    """One arm: the mean of each cell over the seeds of the 2x2, and what TTT does to it."""
    counts = {len(cross.cells[variant, metric]) for metric in EVALUATIONS}
    row: dict[str, Any] = {
        "arm": variant,
        "parameters": results.first(variant, "parameters"),
        "plan": plan_text(results, variant),
        "n": count_text(max(counts), len(results.seeds(variant))),
    }
    for metric in EVALUATIONS:
        summary = summarise(cross.cells[variant, metric])
        row |= {f"{metric}_low": summary.low, f"{metric}_high": summary.high}
        row[metric] = summary.mean if summary.n else results.status(variant, METRICS[metric].stage)
    return row | comparison_cells("ttt_effect", cross.ttt[variant])


def difference_row(results: Results, cross: Factorial) -> dict[str, Any]:
    """Treated - control in each column; under the TTT effects it is the interaction."""
    parameters = [results.first(variant, "parameters") for variant in (cross.control, cross.treated)]
    row: dict[str, Any] = {
        "arm": f"{cross.treated} - {cross.control}",
        "parameters": f"{parameters[1] - parameters[0]:+,.0f}" if not any(map(isnan, parameters)) else "pending",
        "plan": "",
        "n": min(cross.variant.values(), key=lambda comparison: comparison.n).n_text,
    }
    for metric, comparison in cross.variant.items():
        row |= signed(comparison_cells(metric, comparison))
    return row | comparison_cells("ttt_effect", cross.interaction)


def comparison_cells(key: str, comparison: Comparison) -> dict[str, Any]:
    """A comparison as a figure with its interval and verdict; `pending` before any seed has it."""
    absent = "reference" if comparison is ITSELF else "pending"
    difference = comparison.difference if comparison.n else absent
    return {
        key: difference,
        f"{key}_low": comparison.low,
        f"{key}_high": comparison.high,
        f"{key}_verdict": comparison.verdict,
    }


def signed(cells: dict[str, Any]) -> dict[str, Any]:
    """The same cells with differences that print with a sign in a column of levels."""
    return {key: Signed(value) if isinstance(value, float) else value for key, value in cells.items()}


class Signed(float):
    """A difference that stands in a column of levels: it prints with its sign."""

    def __format__(self, spec: str) -> str:
        """Format as a float, with `+` before a number that is not negative."""
        return format(float(self), "+" + spec)


def two_by_two_notes(results: Results, cross: Factorial) -> list[str]:
    """Every difference with its verdict, the seeds it rests on, and the plans where they differ."""
    on = f"Seeds with all four figures: {', '.join(map(str, cross.seeds))}." if cross.seeds else (
        "No seed has all four figures yet; each cell uses the seeds it has."
    )  # fmt: skip
    notes = [on]
    notes += [f"{cross.treated} - {cross.control}, {NAMES[m]}: {sentence(c)}" for m, c in cross.variant.items() if c.n]
    notes += [f"TTT on {variant}: {sentence(c)}" for variant, c in cross.ttt.items() if c.n]
    if cross.interaction.n:
        notes.append(f"Interaction (TTT on {cross.treated} - TTT on {cross.control}): {sentence(cross.interaction)}")
    notes += evidence_on_all_seeds(results, cross)
    return [*notes, *plan_notes(results, [cross.control, cross.treated]), *partial_notes(results)]


def plan_notes(results: Results, variants: list[str]) -> list[str]:
    """A warning when arms that are compared were exported with different bit widths (rule 16)."""
    plans = {variant: plan_text(results, variant) for variant in variants}
    exported = {
        v: p for v, p in plans.items() if results.frame.loc[results.frame["variant"] == v, "plan"].notna().any()
    }
    if len(set(exported.values())) < 2:
        return []
    listed = "; ".join(f"{variant}: {plan}" for variant, plan in exported.items())
    return [f"Export plans differ, so a difference also holds the cost of the int5 layers ({listed})."]


def sweep_table(results: Results, sweep: str) -> Table:
    """One row per value of a sweep, each against the study's reference; the reference is the first row."""
    declared, reference = results.manifest["sweeps"][sweep], results.manifest["reference"]
    comparisons = {metric: sweep_comparisons(results, sweep, metric) for metric in EVALUATIONS}
    rows = [point_row(results, sweep, "", reference)]
    for index, (value, point) in enumerate(zip(declared["values"], declared["variants"], strict=True)):
        row = point_row(results, sweep, str(value), point)
        for metric in EVALUATIONS:
            row |= comparison_cells(f"{metric}_difference", comparisons[metric][index])
            row[f"{metric}_difference_p_holm"] = comparisons[metric][index].p_holm
        rows.append(row)
    columns = [
        Column("value", sweep), Column("variant", "variant"), Column("parameters", "parameters", ",.0f"),
        Column("plan", "plan"), Column("n", "n"),
    ]  # fmt: skip
    for metric in EVALUATIONS:
        key = f"{metric}_difference"
        columns += [column(results, metric), Column(f"{metric}_sd", "sd", ".5f")]
        columns += [Column(key, f"{NAMES[metric]} - {reference}", "+.5f"), interval(key, "+.5f")]
    columns.append(Column("sliding_bpb_difference_verdict", "verdict (sliding)"))
    variants, seeds = [reference, *declared["variants"]], ", ".join(map(str, declared["seeds"]))
    notes = [
        f"Sweep of {declared['key']} on {declared['of']}; all rows and differences on seeds {seeds}.",
        *evidence_notes(results)[:1], "Verdicts within the sweep are corrected by Holm's method.",
        *plan_notes(results, list(dict.fromkeys(variants))), *partial_notes(results),
    ]  # fmt: skip
    keys = dict.fromkeys(key for row in rows for key in row)
    frame = pd.DataFrame(rows, columns=[*keys], dtype=object)
    return Table(sweep_name(sweep), f"Sweep: {sweep}", frame, columns, notes)


def point_row(results: Results, sweep: str, value: str, variant: str) -> dict[str, Any]:
    """Figures of one arm of a sweep, on the seeds of the sweep."""
    declared = results.manifest["sweeps"][sweep]["seeds"]
    num_values = len(sweep_values(results, sweep, variant, "sliding_bpb"))
    row: dict[str, Any] = {
        "value": value,
        "variant": variant,
        "parameters": results.first(variant, "parameters"),
        "plan": plan_text(results, variant),
        "n": count_text(num_values, len(declared)),
    }
    for metric in EVALUATIONS:
        summary = summarise(sweep_values(results, sweep, variant, metric))
        row[metric] = summary.mean if summary.n else results.status(variant, METRICS[metric].stage)
        row[f"{metric}_sd"] = summary.sd
    return row
