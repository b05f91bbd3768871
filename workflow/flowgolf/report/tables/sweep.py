"""Table 3 (docs/spec/results.md): the points of a sweep beside the reference."""

from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import NAMES, figures
from flowgolf.report.results.effects import sweep_comparisons
from flowgolf.report.results.metrics import EVALUATIONS, count_text, partial_notes, plan_text
from flowgolf.report.results.names import sweep_name
from flowgolf.report.results.seed_statistics import summarise
from flowgolf.report.results.words import evidence_notes
from flowgolf.report.tables.columns import column, comparison_cells, interval, mean_or_status, plan_notes
from flowgolf.report.tables.render import Column, Table


def sweep_table(results: Results, sweep: str) -> Table:
    """Make a row for each value of a sweep, with its difference to the study's reference, which is the first row."""
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
    columns += [Column(f"{metric}_difference_verdict", f"verdict ({NAMES[metric]})") for metric in EVALUATIONS]
    variants, seeds = [reference, *declared["variants"]], ", ".join(map(str, declared["seeds"]))
    notes = [
        f"Sweep of {declared['key']} on {declared['of']}; all rows and differences on seeds {seeds}.",
        *evidence_notes(results)[:1],
        "Verdicts are corrected by Holm's method over all tests of the sweep, those of both evaluations.",
        *plan_notes(results, list(dict.fromkeys(variants))), *partial_notes(results),
    ]  # fmt: skip
    keys = dict.fromkeys(key for row in rows for key in row)
    frame = pd.DataFrame(rows, columns=[*keys], dtype=object)
    return Table(sweep_name(sweep), f"Sweep: {sweep}", frame, columns, notes)


def point_row(results: Results, sweep: str, value: str, variant: str) -> dict[str, Any]:
    """Make the row of one arm on the seeds of the sweep; `value` is what its first cell says."""
    declared = results.manifest["sweeps"][sweep]["seeds"]
    num_values = len(figures(results, variant, "sliding_bpb", declared))
    row: dict[str, Any] = {
        "value": value,
        "variant": variant,
        "parameters": results.first(variant, "parameters"),
        "plan": plan_text(results, variant),
        "n": count_text(num_values, len(declared)),
    }
    for metric in EVALUATIONS:
        summary = summarise(figures(results, variant, metric, declared))
        row[metric] = mean_or_status(results, variant, metric, summary)
        row[f"{metric}_sd"] = summary.sd
    return row
