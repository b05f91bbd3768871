"""The look of all plots: one journal column wide, readable by the colour-blind, and the same file for the same data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowgolf.files import replacing
from flowgolf.report.results.collect import Results

COLUMN_WIDTH_INCHES = 3.4
ROW_INCHES = 0.15
# Okabe and Ito, "Color Universal Design" (2008), without yellow, which cannot be seen on white; the reference is black
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
REFERENCE_COLOUR = "#000000"
GREY = "#8A8A8A"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)))
MARKERS = "osD^vP*X<>hd"
SETTINGS: Any = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.2,
    "legend.frameon": False, "axes.grid": True, "grid.color": "#E4E4E4", "grid.linewidth": 0.5,
    "axes.axisbelow": True, "svg.fonttype": "none", "svg.hashsalt": "flowgolf", "axes.formatter.useoffset": False,
    "savefig.dpi": 300, "font.family": "DejaVu Sans",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How a variant is drawn; it is the same in every plot of a study."""

    colour: str
    dashes: Any
    marker: str


def looks(results: Results) -> dict[str, Look]:
    """Give each variant its look: the reference is black; the colours repeat with other dashes and markers."""
    reference = results.manifest["reference"]
    found = {reference: Look(REFERENCE_COLOUR, DASHES[0], MARKERS[0])}
    others = [str(variant) for variant in results.frame["variant"].unique() if variant != reference]
    for index, variant in enumerate(others):
        dashes = DASHES[index // len(COLOURS) % len(DASHES)]
        found[variant] = Look(COLOURS[index % len(COLOURS)], dashes, MARKERS[(index + 1) % len(MARKERS)])
    return found


def new_plot(height_inches: float, num_legend_rows: int = 0) -> Figure:
    """Make an empty plot of column width, high enough for a legend of `num_legend_rows` below it."""
    height = height_inches + num_legend_rows * ROW_INCHES
    return Figure(figsize=(COLUMN_WIDTH_INCHES, height), layout="constrained")


def legend_columns(labels: Sequence[str]) -> int:
    """Number of columns of the legend: two if the labels are short enough, else one."""
    return 2 if max(map(len, labels), default=0) <= 24 and len(labels) > 1 else 1


def legend_rows(labels: Sequence[str]) -> int:
    """Number of rows of the legend."""
    return -(-len(labels) // legend_columns(labels))


def legend_below(plot: Figure, axes: Axes) -> None:
    """Draw the legend of the labelled lines below the plot, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        plot.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=legend_columns(labels),
            handlelength=2.4,
            columnspacing=1.2,
        )


def empty_plot(message: str) -> Figure:
    """Make a plot that holds only a message: why there is nothing to draw yet."""
    plot = new_plot(1.2)
    plot.text(0.5, 0.5, message, ha="center", va="center", color=GREY, wrap=True)
    return plot


def note(plot: Figure, text: str) -> None:
    """Write a line of small print above the axes."""
    plot.suptitle(text, fontsize=6.5, color="#555555", x=0.01, ha="left")


def waiting_note(results: Results, variants: Sequence[str], drawn: int) -> str:
    """Say that some runs have no result yet: `9 of 12 runs; the others are not there yet`; empty if all are drawn."""
    declared = sum(len(results.seeds(variant)) for variant in variants)
    return "" if drawn >= declared else f"{drawn} of {declared} runs; the others are not there yet"


def padded(values: Sequence[float] | np.ndarray, share: float = 0.08) -> tuple[float, float]:
    """Axis limits that hold all finite values, with a margin of `share` of their range."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    low, high = float(finite.min()), float(finite.max())
    margin = share * (high - low) or 1e-3
    return low - margin, high + margin


def save(plot: Figure, folder: Path, name: str) -> None:
    """Write `<name>.png` and `<name>.svg`, without the date and version that would make equal plots differ."""
    for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
        with matplotlib.rc_context(SETTINGS), replacing(folder / f"{name}{suffix}") as path:
            plot.savefig(path, format=suffix[1:], metadata=metadata)
