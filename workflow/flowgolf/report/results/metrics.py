"""The values that a study compares: which stages make them, and how they are printed."""

from collections.abc import Mapping

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.study.stages import SCORING_STAGES, STAGES, Metric

STAGE_OF: Mapping[str, str] = {metric.key: name for name, stage in STAGES.items() for metric in stage.metrics}
"""The stage that computes a value; the stage's status is printed while the value is missing."""
METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in sorted(
        (metric for stage in STAGES.values() for metric in stage.metrics), key=lambda metric: metric.unit == "bytes"
    )
}
"""The values by column, in the order of the tables: bits per byte before sizes."""
EVALUATIONS = tuple(STAGES[name].metrics[-1].key for name in SCORING_STAGES)


def partial_runs(results: Results, metric: str) -> int:
    """Number of runs that scored only a part of the validation set for this value."""
    flag = f"{STAGE_OF[metric]}_partial"
    return int(results.frame[flag].eq(True).sum()) if flag in results.frame else 0


def label(results: Results, metric: str) -> str:
    """Heading of a value, which says `partial` if any of its runs is (docs/spec/legality.md, rule 8)."""
    return METRICS[metric].label + partial_mark(results, metric)


def partial_mark(results: Results, metric: str) -> str:
    """` (partial)` to put after a heading if any run scored only a part of the validation set; else empty."""
    return " (partial)" if partial_runs(results, metric) else ""


def is_partial(run: pd.Series, stage: str) -> bool:
    """Whether a run's evaluation scored only a part of the validation set; False while it has no result."""
    return run[f"{stage}_partial"] in (True,)  # NaN while there is no result, which is true in Python


def partial_notes(results: Results) -> list[str]:
    """Say for each evaluation how many runs scored only a part of the validation set, if any did."""
    counts = {metric: partial_runs(results, metric) for metric in EVALUATIONS}
    return [
        f"Partial: {count} runs scored only a part of the validation set for {METRICS[metric].label}."
        for metric, count in counts.items()
        if count
    ]


def count_text(num_values: int, num_seeds: int) -> str:
    """Number of values: `3`, or `2 of 3 seeds` while some are missing."""
    return str(num_values) if num_values == num_seeds else f"{num_values} of {num_seeds} seed{'s' * (num_seeds > 1)}"


def plan_text(results: Results, variant: str) -> str:
    """Describe the bit widths of a variant's artifacts, by seed if they differ; before any export, its status."""
    rows = results.frame[results.frame["variant"] == variant]
    plans: dict[str, list[str]] = {}
    for seed, plan in zip(rows["seed"], rows["plan"], strict=True):
        if isinstance(plan, Mapping):
            plans.setdefault(describe_plan(plan), []).append(str(seed))
    if not plans:
        return results.status(variant, "export") if rows["artifact_bytes"].isna().all() else "plan not recorded"
    if len(plans) == 1:
        return next(iter(plans))
    return "; ".join(f"{plan} (seed {', '.join(seeds)})" for plan, seeds in plans.items())


def describe_plan(plan: Mapping[str, int]) -> str:
    """Put the bits of each block in words: `all int6`, or `int5 in 5, 6, else int6`."""
    low = sorted(int(layer) for layer, bits in plan.items() if bits == 5)
    if not low:
        return "all int6"
    return "all int5" if len(low) == len(plan) else f"int5 in {', '.join(map(str, low))}, else int6"
