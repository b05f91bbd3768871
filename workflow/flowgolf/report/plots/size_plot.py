"""Artifact size against bits per byte."""

from typing import Any

from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    COLOURS,
    empty_plot,
    legend_below,
    legend_rows,
    looks,
    new_plot,
    note,
    padded,
    waiting_note,
)
from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import label

MEGABYTE = 1_000_000  # decimal, as in the challenge's 16 MB


def size_plot(results: Results) -> Figure:
    """Draw artifact size against sliding bpb, a point for each run, with the cap as a line."""
    known = results.frame.dropna(subset=["artifact_bytes", "sliding_bpb"])
    if known.empty:
        return empty_plot("no evaluated artifact yet")
    styles = looks(results)
    drawn = [variant for variant in styles if variant in set(known["variant"])]
    plot = new_plot(2.4, legend_rows(drawn))
    axes = plot.subplots()
    for variant in drawn:
        runs = known[known["variant"] == variant]
        sizes = [float(size) / MEGABYTE for size in runs["artifact_bytes"]]
        look = styles[variant]
        axes.plot(
            sizes, runs["sliding_bpb"].astype(float), look.marker, color=look.colour, label=variant,
            markersize=4.5, markerfacecolor="none" if look.dashes != "-" else look.colour, alpha=0.9,
        )  # fmt: skip
    caps = sorted({float(cap) / MEGABYTE for cap in results.frame["cap_bytes"].dropna()})
    for cap in caps:
        axes.axvline(cap, color=COLOURS[1], linestyle="--", linewidth=1)
        at_top: Any = {"transform": axes.get_xaxis_transform(), "va": "top", "ha": "right"}
        axes.text(cap, 1.0, f"cap {cap:.4g} MB ", rotation=90, color=COLOURS[1], fontsize=6.5, **at_top)
    axes.set_xlim(padded([*(known["artifact_bytes"].astype(float) / MEGABYTE), *caps]))
    axes.set_xlabel("artifact and code (MB)")
    axes.set_ylabel(label(results, "sliding_bpb"))
    legend_below(plot, axes)
    note(plot, waiting_note(results, list(styles), len(known)))
    return plot
