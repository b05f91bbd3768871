"""The figures that a study compares: their names in frames, their headings and their decimals."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from flowgolf.report.results.collect import Results


@dataclass(frozen=True)
class Metric:
    """A figure of a run."""

    key: str
    """Column of the collected frame."""
    stage: str
    """Stage that makes it, whose status stands in for it."""
    label: str
    """Heading."""
    spec: str
    """Number format."""


METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("train_val_bpb", "train", "train val bpb", ".4f"),
        Metric("roundtrip_bpb", "sliding", "roundtrip bpb", ".5f"),
        Metric("sliding_bpb", "sliding", "sliding bpb", ".5f"),
        Metric("legal_ttt_bpb", "legal_ttt", "legal TTT bpb", ".5f"),
        Metric("artifact_bytes", "export", "bytes", ",.0f"),
    )
}
EVALUATIONS = ("sliding_bpb", "legal_ttt_bpb")


def partial_runs(results: Results, metric: str) -> int:
    """How many runs scored only a part of the validation set for this figure."""
    flag = f"{METRICS[metric].stage}_partial"
    return int(results.frame[flag].eq(True).sum()) if flag in results.frame else 0


def label(results: Results, metric: str) -> str:
    """Heading of a figure, which says `partial` when any of its runs is (docs/spec/legality.md, rule 8)."""
    return METRICS[metric].label + (" (partial)" if partial_runs(results, metric) else "")


def is_partial(run: pd.Series, stage: str) -> bool:
    """Whether a run's evaluation scored only a part of the validation set; False before there is one."""
    return run[f"{stage}_partial"] in (True,)  # NaN before


def different_positions(runs: pd.DataFrame) -> pd.Series:
    """For each run whether its two evaluations scored different numbers of positions: no TTT effect follows."""
    counts = runs[["sliding_tokens", "legal_ttt_tokens"]]
    return counts.notna().all(axis=1) & (counts["sliding_tokens"] != counts["legal_ttt_tokens"])


def partial_notes(results: Results) -> list[str]:
    """A sentence for each evaluation of which some runs scored only a part of the validation set."""
    counts = {metric: partial_runs(results, metric) for metric in EVALUATIONS}
    notes = [
        f"Partial: {count} runs scored only a part of the validation set for {METRICS[metric].label}."
        for metric, count in counts.items()
        if count
    ]
    if different_positions(results.frame).any():
        notes.append("No TTT effect where sliding and legal TTT scored different positions.")
    return notes


def count_text(num_values: int, num_seeds: int) -> str:
    """n, or `2 of 3 seeds` while some are missing."""
    return str(num_values) if num_values == num_seeds else f"{num_values} of {num_seeds} seed{'s' * (num_seeds > 1)}"


def plan_text(results: Results, variant: str) -> str:
    """The bit widths of a variant's artifacts, by seed where they differ; the export's status before there are any."""
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
    """Bits per block in words: `all int6`, or `int5 in 5, 6, else int6`."""
    low = sorted(int(layer) for layer, bits in plan.items() if bits == 5)
    if not low:
        return "all int6"
    return "all int5" if len(low) == len(plan) else f"int5 in {', '.join(map(str, low))}, else int6"
