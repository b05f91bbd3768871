"""Where the bytes of the artifacts go, as a plot."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    COLOURS,
    GREY,
    ROW_INCHES,
    empty_plot,
    legend_below,
    legend_rows,
    new_plot,
    note,
    waiting_note,
)
from flowgolf.report.results.collect import Results

KILOBYTE = 1_000
LARGE_BYTES = 2_000_000  # the axis is in MB if an artifact is larger, else in kB
HATCHES = ("", "///", "...")


def bytes_plot(results: Results) -> Figure:
    """Draw a bar for each variant, the mean over its seeds, stacked by part of the model and bit width; and the cap."""
    exported = results.frame[results.frame["export_status"] == "done"]
    if exported.empty:
        return empty_plot("no artifact yet")
    breakdown = pd.DataFrame([run_bytes(run) for _, run in exported.iterrows()]).fillna(0.0)
    means = breakdown.groupby(exported["variant"].to_numpy(), sort=False).mean()
    scale, unit = (1_000 * KILOBYTE, "MB") if means.sum(axis=1).max() > LARGE_BYTES else (KILOBYTE, "kB")
    groups = [*(group for group in means.columns if group != "code"), "code"]
    plot = new_plot(0.9 + 1.4 * ROW_INCHES * len(means), legend_rows(groups))
    axes = plot.subplots()
    draw_stacked(axes, means[groups] / scale)
    for cap in sorted(set(exported["cap_bytes"].dropna().astype(float))):
        draw_cap(axes, cap / scale, unit)
    axes.set_yticks(range(len(means)), means.index)
    axes.set_ylim(len(means) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"bytes ({unit})")
    legend_below(plot, axes)
    note(plot, waiting_note(results, list(results.frame["variant"].unique()), len(exported)))
    return plot


def draw_stacked(axes: Axes, widths: pd.DataFrame) -> None:
    """Draw a bar for each row, made of one piece for each column, one after the other."""
    left = pd.Series(0.0, index=widths.index)
    for index, group in enumerate(widths.columns):
        look: Any = {
            "color": GREY if group == "code" else COLOURS[index % len(COLOURS)],
            "hatch": HATCHES[index // len(COLOURS) % len(HATCHES)],
            "edgecolor": "white",
            "linewidth": 0.3,
        }
        axes.barh(range(len(widths)), widths[group], 0.7, left, label=group, **look)
        left = left + widths[group]


def draw_cap(axes: Axes, cap: float, unit: str) -> None:
    """Draw the cap as a line, its size (in `unit`) above it."""
    axes.axvline(cap, color="#000000", linestyle="--", linewidth=1)
    text = f"cap {cap:,.4g} {unit}"
    axes.text(cap, 1.01, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=6.5)


def run_bytes(run: pd.Series) -> dict[str, float]:
    """Bytes of one artifact by group of tensors, and of its code; they add up to the artifact's size.

    The record gives each tensor's bytes; their sum is scaled to the bytes of all weights.
    """
    tensors: Sequence[Mapping[str, Any]] = run["tensors"]
    total = sum(tensor["bytes"] for tensor in tensors)
    groups: dict[str, float] = {}
    for tensor in tensors:
        group = group_of(tensor)
        groups[group] = groups.get(group, 0.0) + tensor["bytes"] / total * run["weights_bytes"]
    return groups | {"code": run["code_bytes"]}


def group_of(tensor: Mapping[str, Any]) -> str:
    """The part of the model that a tensor belongs to with its bit width; what is not quantised is one group."""
    label = tensor["label"] if tensor["kind"].startswith("int") else "small tensors"
    return f"{label} ({tensor['kind']})"
