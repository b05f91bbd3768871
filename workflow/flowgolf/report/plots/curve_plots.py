"""Curves as plots: validation during training, and running bits per byte during test-time training."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowgolf.report.plots.style import (
    Look,
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
from flowgolf.report.results.metrics import partial_mark

SETTLED = 0.2  # the first fifth of a curve falls so far that it would leave no height for the rest: it sets no axis


def training_plot(results: Results) -> Figure:
    """Draw validation bpb by training step; below, each variant's difference to the reference."""
    validations = results.training.dropna(subset=["val_bpb"])
    if validations.empty:
        return empty_plot("no validation yet")
    return curve_plot(results, validations, "step", "val_bpb", ("training step", "val bpb"))


def ttt_plot(results: Results) -> Figure:
    """Draw the running bpb of legal TTT by chunk; below, each variant's difference to the reference."""
    if results.adaptation.empty:
        return empty_plot("no legal TTT result yet")
    value = f"running TTT bpb{partial_mark(results, 'legal_ttt_bpb')}"
    return curve_plot(results, results.adaptation, "chunk", "running_bpb", ("chunk", value))


def curve_plot(results: Results, curves: pd.DataFrame, x: str, y: str, labels: tuple[str, str]) -> Figure:
    """Draw columns `x` and `y` of curves in two panels: each variant's mean over seeds, and its difference.

    The difference is that to the reference, on the seeds that both have; without it there is one panel.
    """
    styles, reference = looks(results), results.manifest["reference"]
    tables = {v: curves[curves["variant"] == v].pivot(index=x, columns="seed", values=y) for v in styles}
    tables = {variant: table for variant, table in tables.items() if len(table)}
    compared = reference in tables and len(tables) > 1
    plot = new_plot(3.8 if compared else 2.3, legend_rows([several_label(*item) for item in tables.items()]))
    panels = plot.subplots(2 if compared else 1, 1, sharex=True, squeeze=False)[:, 0]
    for variant, table in tables.items():
        draw(panels[0], table, styles[variant], several_label(variant, table))
    panels[0].set_ylabel(labels[1])
    panels[0].set_ylim(padded(np.concatenate([settled(table) for table in tables.values()])))
    if compared:
        differences = {
            v: (t - tables[reference]).dropna(axis=1, how="all") for v, t in tables.items() if v != reference
        }
        draw_differences(panels[1], differences, styles, reference)
    panels[-1].set_xlabel(labels[0])
    legend_below(plot, panels[0])
    num_drawn = sum(table.shape[1] for table in tables.values())
    waiting = waiting_note(results, [*styles], num_drawn)
    note(plot, f"line: mean over seeds, thin for a single seed; band: ± 1 sd  {waiting}".rstrip())
    return plot


def several_label(variant: str, table: pd.DataFrame) -> str:
    """Name the variant, with its number of seeds if it has several."""
    return f"{variant} (n={table.shape[1]})" if table.shape[1] > 1 else variant


def draw(axes: Axes, table: pd.DataFrame, look: Look, label: str) -> None:
    """Draw one variant: the mean over its seeds (the table's columns), and a band of one sd."""
    mean, sd = table.mean(axis=1), table.std(axis=1, ddof=1)
    if table.shape[1] > 1:
        axes.fill_between(table.index, mean - sd, mean + sd, color=look.colour, alpha=0.15, linewidth=0)
    width = 1.4 if table.shape[1] > 1 else 0.9
    axes.plot(table.index, mean, color=look.colour, linestyle=look.dashes, linewidth=width, label=label)


def draw_differences(axes: Axes, differences: dict[str, pd.DataFrame], styles: dict[str, Look], reference: str) -> None:
    """Draw the lower panel: each variant minus the reference, on the seeds that both have."""
    axes.axhline(0, color=styles[reference].colour, linewidth=1)
    drawn = {variant: table for variant, table in differences.items() if table.shape[1]}
    for variant, table in drawn.items():
        draw(axes, table, styles[variant], variant)
    axes.set_ylabel(f"bpb - {reference}")
    if drawn:
        axes.set_ylim(padded([0.0, *np.concatenate([settled(table) for table in drawn.values()])], 0.15))


def settled(table: pd.DataFrame) -> np.ndarray:
    """All values of a table of curves but those of the first `SETTLED` of the steps."""
    late = table[table.index >= SETTLED * table.index.max()]
    return np.ravel(late.to_numpy(dtype=float))
