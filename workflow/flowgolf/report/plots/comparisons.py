"""Figures of final results: sweeps, size against bits per byte, effect sizes."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    COLOURS,
    GREY,
    REFERENCE_COLOUR,
    ROW_INCHES,
    empty_figure,
    legend_below,
    legend_rows,
    looks,
    new_figure,
    note,
    padded,
    waiting_note,
)
from flowgolf.report.results.collect import Results
from flowgolf.report.results.comparison import Comparison, summarise
from flowgolf.report.results.effects import all_effects, spread, sweep_values
from flowgolf.report.results.metrics import EVALUATIONS, label

MEGABYTE = 1_000_000  # decimal, as in the challenge's 16 MB


def sweep_figure(results: Results, sweep: str) -> Figure:
    """bpb by value, a panel for each evaluation: points with bars of one sd, the reference as a line with its band."""
    declared, reference = results.manifest["sweeps"][sweep], results.manifest["reference"]
    panels = [m for m in EVALUATIONS if any(len(sweep_values(results, sweep, v, m)) for v in declared["variants"])]
    if not panels:
        return empty_figure(f"no result of sweep {sweep} yet")
    figure = new_figure(0.5 + 1.5 * len(panels), 1)
    axes_of = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, metric in zip(axes_of, panels, strict=True):
        draw_reference(axes, results, sweep, metric)
        draw_points(axes, results, sweep, metric)
        axes.set_ylabel(label(results, metric))
    values = [str(value) for value in declared["values"]]
    crowded = sum(len(value) + 2 for value in values) > 44
    axes_of[-1].set_xticks(
        range(len(values)), values, rotation=45 if crowded else 0, ha="right" if crowded else "center"
    )
    axes_of[-1].set_xlabel(f"{declared['key'].removeprefix('model.')} of {declared['of']}")
    axes_of[-1].set_xlim(-0.5, len(values) - 0.5)
    absent = "" if len(sweep_values(results, sweep, reference, panels[0])) else f"; {reference} is not there yet"
    note(figure, f"seeds {', '.join(map(str, declared['seeds']))}; bars: ± 1 sd where n > 1{absent}")
    legend_below(figure, axes_of[0])
    return figure


def draw_reference(axes: Axes, results: Results, sweep: str, metric: str) -> None:
    """The reference on the sweep's seeds, with the band of one sd within the study's arms."""
    reference = results.manifest["reference"]
    values = sweep_values(results, sweep, reference, metric)
    if values.empty:
        return
    mean, sd = float(values.mean()), spread(results, metric)
    axes.axhline(mean, color=REFERENCE_COLOUR, linewidth=1, label=f"{reference} (n={len(values)})")
    if not math.isnan(sd):
        axes.axhspan(mean - sd, mean + sd, color=GREY, alpha=0.2, linewidth=0, label="± 1 sd over seeds")


def draw_points(axes: Axes, results: Results, sweep: str, metric: str) -> None:
    """Mean and sd of every value that has a result; `n/a` marks the others at the foot of the panel."""
    points = results.manifest["sweeps"][sweep]["variants"]
    for position, point in enumerate(points):
        summary = summarise(sweep_values(results, sweep, point, metric))
        if summary.n == 0:
            axes.text(position, 0.02, "n/a", transform=axes.get_xaxis_transform(), ha="center", color=GREY, fontsize=6)
            continue
        error = None if math.isnan(summary.sd) else summary.sd
        axes.errorbar(position, summary.mean, yerr=error, color=COLOURS[0], marker="o", markersize=4, capsize=2)


def size_figure(results: Results) -> Figure:
    """Artifact size against sliding bpb, a point for each run, and the line that no artifact may cross."""
    known = results.frame.dropna(subset=["artifact_bytes", "sliding_bpb"])
    if known.empty:
        return empty_figure("no evaluated artifact yet")
    styles = looks(results)
    drawn = [variant for variant in styles if variant in set(known["variant"])]
    figure = new_figure(2.4, legend_rows(drawn))
    axes = figure.subplots()
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
    legend_below(figure, axes)
    note(figure, waiting_note(results, list(styles), len(known)))
    return figure


def effects_figure(results: Results) -> Figure:
    """Every difference with its 95 % interval; a hollow point has no interval because n = 1."""
    effects = [(family, what, c) for family, what, c in all_effects(results) if c.n > 0]
    ttt = [(what, c) for _, what, c in effects if what.startswith("TTT on ")]
    others = [(what, c) for _, what, c in effects if not what.startswith("TTT on ")]
    panels = [
        (title, rows) for title, rows in (("legal TTT - sliding (bpb)", ttt), ("difference (bpb)", others)) if rows
    ]
    if not panels:
        return empty_figure("no two results to compare yet")
    heights = [len(rows) + 1.0 for _, rows in panels]
    figure = new_figure(0.55 * len(panels) + ROW_INCHES * 1.1 * sum(heights), 2)
    axes_of = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (title, rows) in zip(axes_of, panels, strict=True):
        draw_effects(axes, rows)
        axes.set_xlabel(title)
    for marker, colour, face, text in (
        ("o", COLOURS[1], COLOURS[1], "effect: 95 % interval excludes 0"), ("o", GREY, GREY, "not resolved"),
        ("o", GREY, "none", "n = 1: no interval"),
    ):  # fmt: skip
        axes_of[0].plot([], [], marker, color=colour, markerfacecolor=face, markersize=4, label=text)
    legend_below(figure, axes_of[0])
    return figure


def draw_effects(axes: Axes, rows: list[tuple[str, Comparison]]) -> None:
    """One row per difference, the first on top."""
    for position, (_, comparison) in enumerate(rows):
        colour = COLOURS[1] if comparison.resolved else GREY
        tested = not math.isnan(comparison.low)
        if tested:
            axes.plot([comparison.low, comparison.high], [position, position], color=colour, linewidth=1.4)
        face = colour if tested else "none"
        axes.plot(comparison.difference, position, "o", color=colour, markerfacecolor=face, markersize=4)
    axes.axvline(0, color=REFERENCE_COLOUR, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{what}  (n={comparison.n_text})" for what, comparison in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=3)
