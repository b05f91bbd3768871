"""All plots of a study, drawn at any moment from whatever records exist."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from flowgolf.report.plots.bytes_plot import bytes_plot
from flowgolf.report.plots.curve_plots import training_plot, ttt_plot
from flowgolf.report.plots.effects_plot import effects_plot
from flowgolf.report.plots.size_plot import size_plot
from flowgolf.report.plots.style import SETTINGS, save
from flowgolf.report.plots.sweep_plot import sweep_plot
from flowgolf.report.results.collect import Results, collect_results
from flowgolf.report.results.names import sweep_name


def plots(manifest_path: str | Path, out_dir: str | Path) -> None:
    """Write every plot of a study as PNG and SVG, under the names that `names.figure_names` lists."""
    results = collect_results(manifest_path)
    with matplotlib.rc_context(SETTINGS):
        for name, plot in study_plots(results):
            save(plot, Path(out_dir), name)


def study_plots(results: Results) -> Iterable[tuple[str, Figure]]:
    """Yield name and plot of every plot; one that has no data yet says so in a sentence."""
    yield "training_curves", training_plot(results)
    yield "ttt_curves", ttt_plot(results)
    yield "size_bpb", size_plot(results)
    yield "effects", effects_plot(results)
    yield "artifact_bytes", bytes_plot(results)
    for sweep in results.manifest["sweeps"]:
        yield sweep_name(sweep), sweep_plot(results, sweep)
