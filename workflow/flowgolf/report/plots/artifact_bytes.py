"""Where the bytes of the artifacts go."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    COLOURS,
    GREY,
    ROW_INCHES,
    empty_figure,
    legend_below,
    legend_rows,
    new_figure,
    note,
    waiting_note,
)
from flowgolf.report.results.collect import Results

KILOBYTE = 1_000
LARGE_BYTES = 2_000_000  # from here on the axis is in MB
PARTS = {"attn": "attention", "mlp": "MLP", "tok_emb": "token embedding"}
HATCHES = ("", "///", "...")


def bytes_figure(results: Results) -> Figure:
    """Stacked bytes by part of the model and bit width, a bar per variant (mean over its seeds), with the cap."""
    exported = results.frame[results.frame["export_status"] == "done"]
    if exported.empty:
        return empty_figure("no artifact yet")
    breakdown = pd.DataFrame([run_bytes(run) for _, run in exported.iterrows()]).fillna(0.0)
    means = breakdown.groupby(exported["variant"].to_numpy(), sort=False).mean()
    scale, unit = (1_000 * KILOBYTE, "MB") if means.sum(axis=1).max() > LARGE_BYTES else (KILOBYTE, "kB")
    groups = [*(group for group in means.columns if group != "code"), "code"]
    figure = new_figure(0.9 + 1.4 * ROW_INCHES * len(means), legend_rows(groups))
    axes = figure.subplots()
    left = pd.Series(0.0, index=means.index)
    for index, group in enumerate(groups):
        colour = GREY if group == "code" else COLOURS[index % len(COLOURS)]
        hatch = HATCHES[index // len(COLOURS) % len(HATCHES)]
        widths = means[group] / scale
        axes.barh(
            range(len(means)),
            widths,
            0.7,
            left,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.3,
            label=group,
        )
        left = left + widths
    for cap in sorted(set(exported["cap_bytes"].dropna().astype(float))):
        axes.axvline(cap / scale, color="#000000", linestyle="--", linewidth=1)
        axes.text(
            cap / scale,
            1.01,
            f"cap {cap / scale:,.4g} {unit}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            fontsize=6.5,
        )
    axes.set_yticks(range(len(means)), means.index)
    axes.set_ylim(len(means) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"bytes ({unit})")
    legend_below(figure, axes)
    note(figure, waiting_note(results, list(results.frame["variant"].unique()), len(exported)))
    return figure


def run_bytes(run: pd.Series) -> dict[str, float]:
    """Bytes of one artifact by group: the tensors' own bytes, in proportion so that they add up to the file."""
    tensors: Sequence[Mapping[str, Any]] = run["tensors"]
    total = sum(tensor["bytes"] for tensor in tensors)
    groups: dict[str, float] = {}
    for tensor in tensors:
        group = group_of(tensor["name"], tensor["kind"])
        groups[group] = groups.get(group, 0.0) + tensor["bytes"] / total * run["weights_bytes"]
    return groups | {"code": run["code_bytes"]}


def group_of(name: str, kind: str) -> str:
    """The part of the model that a tensor belongs to, from its dotted name, with its bit width."""
    if not kind.startswith("int"):
        return f"small tensors ({kind})"
    steps = name.split(".")
    part = next((part for key, part in PARTS.items() if key in steps), steps[0].replace("_", " "))
    return f"{part} ({kind})"
