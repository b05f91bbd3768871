"""Every difference of a study with its interval, as a plot."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    COLOURS,
    GREY,
    REFERENCE_COLOUR,
    ROW_INCHES,
    empty_plot,
    legend_below,
    new_plot,
)
from flowgolf.report.results.collect import Results
from flowgolf.report.results.effects import GAINS, all_effects
from flowgolf.report.results.seed_statistics import Comparison


def effects_plot(results: Results) -> Figure:
    """Draw every difference with its 95 % interval; a hollow point rests on one seed, or on seeds without spread."""
    effects = [effect for effect in all_effects(results) if effect.comparison.n > 0]
    ttt = [(effect.what, effect.comparison) for effect in effects if effect.family == GAINS]
    others = [(effect.what, effect.comparison) for effect in effects if effect.family != GAINS]
    panels = [
        (title, rows) for title, rows in (("legal TTT - sliding (bpb)", ttt), ("difference (bpb)", others)) if rows
    ]
    if not panels:
        return empty_plot("no two results to compare yet")
    heights = [len(rows) + 1.0 for _, rows in panels]
    plot = new_plot(0.55 * len(panels) + ROW_INCHES * 1.1 * sum(heights), 2)
    axes_of = plot.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (title, rows) in zip(axes_of, panels, strict=True):
        draw_effects(axes, rows)
        axes.set_xlabel(title)
    for marker, colour, face, text in (
        ("o", COLOURS[1], COLOURS[1], "effect, after Holm's correction"), ("o", GREY, GREY, "not resolved"),
        ("o", GREY, "none", "no test: one seed, or no spread"),
    ):  # fmt: skip
        axes_of[0].plot([], [], marker, color=colour, markerfacecolor=face, markersize=4, label=text)
    legend_below(plot, axes_of[0])
    return plot


def draw_effects(axes: Axes, rows: list[tuple[str, Comparison]]) -> None:
    """Draw a row for each difference, the first on top."""
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
