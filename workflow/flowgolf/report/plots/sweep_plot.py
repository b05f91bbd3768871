"""A sweep as a plot: bits per byte at each value of the setting that it changes."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    COLOURS,
    GREY,
    REFERENCE_COLOUR,
    empty_plot,
    legend_below,
    new_plot,
    note,
)
from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import figures, spread
from flowgolf.report.results.metrics import EVALUATIONS, label
from flowgolf.report.results.seed_statistics import summarise


def sweep_plot(results: Results, sweep: str) -> Figure:
    """Draw bpb by value in a panel for each evaluation: points with bars of one sd, the reference as a line."""
    declared, reference = results.manifest["sweeps"][sweep], results.manifest["reference"]
    seeds = declared["seeds"]
    panels = [m for m in EVALUATIONS if any(len(figures(results, v, m, seeds)) for v in declared["variants"])]
    if not panels:
        return empty_plot(f"no result of sweep {sweep} yet")
    plot = new_plot(0.5 + 1.5 * len(panels), 1)
    axes_of = plot.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
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
    absent = "" if len(figures(results, reference, panels[0], seeds)) else f"; {reference} is not there yet"
    note(plot, f"seeds {', '.join(map(str, declared['seeds']))}; bars: ± 1 sd where n > 1{absent}")
    legend_below(plot, axes_of[0])
    return plot


def draw_reference(axes: Axes, results: Results, sweep: str, metric: str) -> None:
    """Draw the reference's mean over the sweep's seeds as a line, with a band of the study's pooled sd around it."""
    reference = results.manifest["reference"]
    values = figures(results, reference, metric, results.manifest["sweeps"][sweep]["seeds"])
    if values.empty:
        return
    mean, sd = float(values.mean()), spread(results, metric)
    axes.axhline(mean, color=REFERENCE_COLOUR, linewidth=1, label=f"{reference} (n={len(values)})")
    if not math.isnan(sd):
        axes.axhspan(mean - sd, mean + sd, color=GREY, alpha=0.2, linewidth=0, label="± 1 sd over seeds")


def draw_points(axes: Axes, results: Results, sweep: str, metric: str) -> None:
    """Draw mean and sd at each value of the sweep; `n/a` marks a value without a result."""
    declared = results.manifest["sweeps"][sweep]
    for position, point in enumerate(declared["variants"]):
        summary = summarise(figures(results, point, metric, declared["seeds"]))
        if summary.n == 0:
            axes.text(position, 0.02, "n/a", transform=axes.get_xaxis_transform(), ha="center", color=GREY, fontsize=6)
            continue
        error = None if math.isnan(summary.sd) else summary.sd
        axes.errorbar(position, summary.mean, yerr=error, color=COLOURS[0], marker="o", markersize=4, capsize=2)
