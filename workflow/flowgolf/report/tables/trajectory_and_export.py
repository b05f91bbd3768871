"""Tables 4 and 5 (docs/spec/results.md): validation bpb during training, and the artifact of each run."""

from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import METRICS, describe_plan, is_partial, partial_notes
from flowgolf.report.results.seed_statistics import summarise
from flowgolf.report.tables.columns import column, status_text
from flowgolf.report.tables.render import Column, Table, cell_text

EXPORT_COLUMNS = (
    "variant", "seed", "status", "plan", "coder", "weights_bytes", "code_bytes", "artifact_bytes", "cap_bytes",
    "headroom_bytes", "bits_per_parameter", "entropy_bound_bytes", "above_bound_bytes", "above_bound_percent",
    "ema_roundtrip_bpb", "roundtrip_bpb", "quantisation_gap_bpb",
)  # fmt: skip


def trajectory_table(results: Results) -> Table:
    """Make a row for each validation: bpb in a column for each seed, with mean, sample standard deviation and n."""
    validations = results.training.dropna(subset=["val_bpb"])
    seeds = sorted(int(seed) for seed in results.frame["seed"].unique())
    rows: list[dict[str, Any]] = []
    for variant in results.frame["variant"].unique():
        rows += trajectory_rows(results, validations[validations["variant"] == variant], str(variant), seeds)
    spec = METRICS["train_val_bpb"].spec
    keys = [f"seed{seed}" for seed in seeds]
    columns = [Column("variant", "variant"), Column("step", "step", ",.0f")]
    columns += [Column(key, f"seed {seed} bpb", spec) for key, seed in zip(keys, seeds, strict=True)]
    columns += [Column("mean", "mean bpb", spec), Column("sd", "sd", spec), Column("n", "n", "d")]
    frame = pd.DataFrame(rows, columns=["variant", "step", *keys, "mean", "sd", "n"], dtype=object)
    notes = ["Raw weights (not averaged, not quantised) on the validation set; sd: sample standard deviation (n - 1)."]
    return Table("trajectory", "Validation bpb by training step", frame, columns, notes)


def trajectory_rows(
    results: Results, validations: pd.DataFrame, variant: str, seeds: list[int]
) -> list[dict[str, Any]]:
    """Make a variant's row for each step with a validation; a single row of statuses if there is none yet."""
    runs = results.frame[results.frame["variant"] == variant].set_index("seed")
    missing = {f"seed{seed}": status_text(runs["train_status"].get(seed, "-")) for seed in seeds}
    if validations.empty:
        return [{"variant": variant, "step": "", **missing, "n": "0"}]
    rows = []
    for step, at_step in validations.groupby("step"):
        by_seed = at_step.set_index("seed")["val_bpb"]
        summary = summarise(by_seed)
        row = {"variant": variant, "step": step, "mean": summary.mean, "sd": summary.sd, "n": summary.n}
        rows.append(row | missing | {f"seed{seed}": bpb for seed, bpb in by_seed.items()})
    return rows


def export_table(results: Results) -> Table:
    """Make a row for each run: plan, bytes, headroom under the cap, distance from entropy bound, quantisation gap."""
    rows = [export_row(run) for _, run in results.frame.iterrows()]
    columns = [
        Column("variant", "variant"), Column("seed", "seed"), Column("plan", "plan"), Column("coder", "coder"),
        Column("weights_bytes", "weights (bytes)", ",.0f"), Column("code_bytes", "code (bytes)", ",.0f"),
        Column("artifact_bytes", "total (bytes)", ",.0f"), Column("headroom_bytes", "headroom (bytes)", ",.0f"),
        Column("bits_per_parameter", "bits/parameter", ".3f"),
        Column("above_bound_percent", "above entropy bound (%)", "+.2f"),
        Column("ema_roundtrip_bpb", "float bpb", ".5f"), column(results, "roundtrip_bpb"),
        Column("quantisation_gap_bpb", "quantisation gap (bpb)", "+.5f"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(EXPORT_COLUMNS), dtype=object)
    notes = [
        "Float: averaged weights before export; gap: roundtrip - float, where the roundtrip scored all windows too; "
        "entropy bound: order-0 entropy of the quantised weights plus scales.",
        *partial_notes(results),
    ]
    return Table("export", "Export", frame, columns, notes)


def export_row(run: pd.Series) -> dict[str, Any]:
    """Make the row of one run; while there is no artifact, the export's status stands in place of the plan."""
    row: dict[str, Any] = {key: run[key] for key in EXPORT_COLUMNS if key in run.index}
    done = run["export_status"] == "done"
    gap = run["roundtrip_bpb"] - run["ema_roundtrip_bpb"]
    above = run["weights_bytes"] - run["entropy_bound_bytes"] if done else float("nan")
    return row | {
        "seed": str(run["seed"]),
        "status": run["export_status"],
        "plan": describe_plan(run["plan"]) if isinstance(run["plan"], dict) else run["export_status"],
        "coder": " ".join(cell_text(run[key], ".0f") for key in ("codec", "level")).strip(),
        "above_bound_bytes": above,
        "above_bound_percent": 100 * above / run["entropy_bound_bytes"] if done else float("nan"),
        "quantisation_gap_bpb": float("nan") if is_partial(run, "sliding") else gap,
    }
