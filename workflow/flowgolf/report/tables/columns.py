"""Columns, cells and notes that several tables share."""

from collections.abc import Iterable
from typing import Any

from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import METRICS, STAGE_OF, label, plan_text
from flowgolf.report.results.seed_statistics import ITSELF, NO_SPREAD, NOTHING, Comparison, Summary
from flowgolf.report.tables.render import Column


def column(results: Results, metric: str) -> Column:
    """Printed column of a value that the study compares."""
    return Column(metric, label(results, metric), METRICS[metric].spec)


def interval(key: str, spec: str) -> Column:
    """Printed column of the interval that `comparison_cells` puts beside a value."""
    return Column(f"{key}_low", "95 %", spec, upper=f"{key}_high")


def comparison_cells(key: str, comparison: Comparison) -> dict[str, Any]:
    """Make the cells of a comparison: difference, interval and verdict; a word while there is no difference."""
    absent = "reference" if comparison is ITSELF else comparison.reason.partition(":")[0] or "pending"
    difference = comparison.difference if comparison.n else absent
    return {
        key: difference,
        f"{key}_low": NO_SPREAD if comparison.n > 1 and comparison.sd == 0 else comparison.low,
        f"{key}_high": comparison.high,
        f"{key}_verdict": comparison.verdict,
    }


def summary_interval(key: str, summary: Summary) -> dict[str, Any]:
    """Make the cells of the interval of a mean; words where all seeds gave the same figure."""
    return {f"{key}_low": NO_SPREAD if summary.sd == 0 else summary.low, f"{key}_high": summary.high}


def plan_notes(results: Results, variants: list[str]) -> list[str]:
    """Warn if arms that are compared were exported with different bit widths (docs/spec/legality.md, rule 16)."""
    plans = {variant: plan_text(results, variant) for variant in variants}
    exported = {
        v: p for v, p in plans.items() if results.frame.loc[results.frame["variant"] == v, "plan"].notna().any()
    }
    if len(set(exported.values())) < 2:
        return []
    listed = "; ".join(f"{variant}: {plan}" for variant, plan in exported.items())
    return [f"Export plans differ, so a difference also holds the cost of the int5 layers ({listed})."]


def mean_or_status(results: Results, variant: str, metric: str, summary: Summary) -> float | str:
    """Mean of a variant's values, or the status of the stage that will give them."""
    return summary.mean if summary.n else results.status(variant, STAGE_OF[metric])


def status_text(status: str) -> str:
    """Print a stage's status where its value is missing; `-` if the stage is done, as no value will come."""
    return "-" if status == "done" else status


def fewest_seeds(comparisons: Iterable[Comparison]) -> str:
    """`n` of the comparison that rests on the fewest seeds, as printed; one that is none has no `n`."""
    counted = [comparison for comparison in comparisons if not comparison.reason]
    return min(counted or [NOTHING], key=lambda comparison: comparison.n).n_text
