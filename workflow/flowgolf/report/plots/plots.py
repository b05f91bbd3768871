"""The figures of a study, made at any moment from whatever records exist."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from flowgolf.report.plots.artifact_bytes import bytes_figure
from flowgolf.report.plots.comparisons import effects_figure, size_figure, sweep_figure
from flowgolf.report.plots.curves import training_figure, ttt_figure
from flowgolf.report.plots.style import SETTINGS, save
from flowgolf.report.results.collect import Results, collect_results
from flowgolf.report.results.names import sweep_name


def figures(manifest_path: str | Path, out_dir: str | Path) -> None:
    """Write every figure of a study as PNG and SVG, named as by `names.figure_names`."""
    results = collect_results(manifest_path)
    with matplotlib.rc_context(SETTINGS):
        for name, figure in study_figures(results):
            save(figure, Path(out_dir), name)


def study_figures(results: Results) -> Iterable[tuple[str, Figure]]:
    """(name, figure) of all figures; one without data says so."""
    yield "training_curves", training_figure(results)
    yield "ttt_curves", ttt_figure(results)
    yield "size_bpb", size_figure(results)
    yield "effects", effects_figure(results)
    yield "artifact_bytes", bytes_figure(results)
    for sweep in results.manifest["sweeps"]:
        yield sweep_name(sweep), sweep_figure(results, sweep)
