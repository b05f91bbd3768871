"""Plots: what they show, that nothing overlaps at 2 and 12 variants, and that missing data is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from flowgolf.report.plots.bytes_plot import group_of, run_bytes
from flowgolf.report.plots.plots import plots, study_plots
from flowgolf.report.plots.style import SETTINGS, looks
from flowgolf.report.results.collect import collect_results
from flowgolf.report.results.metrics import METRICS


def drawn(study: Any) -> dict[str, Figure]:
    with matplotlib.rc_context(SETTINGS):
        made = dict(study_plots(collect_results(study.manifest_path)))
        for plot in made.values():
            FigureCanvasAgg(plot).draw()
    return made


def texts(plot: Figure) -> list[Text]:
    beyond = {label for axes in plot.axes for axis in (axes.xaxis, axes.yaxis) for label in undrawn(axis)}
    found = [text for text in plot.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return [text for text in found if text not in beyond]


def undrawn(axis: Axis) -> list[Text]:
    """Labels of ticks that lie outside the axis: they exist and are never drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
    return [label for tick in ticks for label in (tick.label1, tick.label2)]


def overlapping(plot: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes cover each other by more than a pixel."""
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts(plot)]
    return [
        (one, other)
        for index, (one, box) in enumerate(boxes)
        for other, other_box in boxes[index + 1 :]
        if box.overlaps(other_box)
    ]


@pytest.mark.parametrize("num_points", [0, 10])
def test_no_label_overlaps_or_leaves_the_page(new_study: Callable[[int], Any], num_points: int) -> None:
    for name, plot in drawn(new_study(num_points).complete()).items():
        assert not overlapping(plot), name
        for text in texts(plot):
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.x1 <= plot.bbox.width + 1, f"{name}: {text.get_text()}"
            assert box.y0 >= -1 and box.y1 <= plot.bbox.height + 1, f"{name}: {text.get_text()}"


def test_axes_carry_units(study: Any) -> None:
    units = {metric.unit for metric in METRICS.values()} | {"nats", "tokens", "seconds"}
    for name, plot in drawn(study).items():
        labels = [axes.get_xlabel() + axes.get_ylabel() for axes in plot.axes]
        assert any(unit in label for label in labels for unit in units), name


def test_twelve_variants_look_different(new_study: Callable[[int], Any]) -> None:
    found = looks(collect_results(new_study(10).manifest_path))
    assert len(found) == 12
    assert len({(look.colour, str(look.dashes)) for look in found.values()}) == 12
    assert len({(look.colour, look.marker) for look in found.values()}) == 12
    assert found["base"].colour == "#000000"


def test_a_study_without_results_says_so_in_each_plot(new_study: Callable[[int], Any]) -> None:
    for name, plot in drawn(new_study(2)).items():
        (message,) = (text.get_text() for text in texts(plot))
        assert "yet" in message, name


def test_missing_runs_are_noted(study: Any) -> None:
    study.remove("nfm", 2025, "export", "sliding", "legal_ttt")
    shown = [text.get_text() for text in texts(drawn(study)["size_bpb"])]
    assert "7 of 8 runs; the others are not there yet" in shown


def test_a_sweep_without_its_reference_says_so(study: Any) -> None:
    study.remove("base", 42, "sliding", "legal_ttt")
    shown = " ".join(text.get_text() for text in texts(drawn(study)["sweep_loss_weight"]))
    assert "base is not there yet" in shown


def test_a_sweep_value_without_result_is_marked(study: Any) -> None:
    study.remove("nfm-loss_weight=0.1", 42, "legal_ttt")
    shown = [text.get_text() for text in texts(drawn(study)["sweep_loss_weight"])]
    assert shown.count("n/a") == 1


def test_the_cap_is_drawn_in_its_unit(study: Any) -> None:
    made = drawn(study)
    assert "cap 0.66 MB " in [text.get_text() for text in texts(made["size_bpb"])]
    assert "cap 660 kB" in [text.get_text() for text in texts(made["artifact_bytes"])]


def test_partial_evaluations_are_labelled_on_the_axes(study: Any) -> None:
    for run in study.manifest["runs"]:
        study.change(run["variant"], run["seed"], "legal_ttt", partial=True)
    made = drawn(study)
    assert made["ttt_curves"].axes[0].get_ylabel() == "running TTT bpb (partial)"
    assert made["sweep_loss_weight"].axes[1].get_ylabel() == "legal TTT bpb (partial)"


def test_bytes_of_the_parts_add_up_to_the_artifact(study: Any) -> None:
    run = collect_results(study.manifest_path).frame.iloc[0]
    groups = run_bytes(run)
    assert sum(groups.values()) == pytest.approx(run["artifact_bytes"])
    assert list(groups) == [
        "attention (int6)", "MLP (int6)", "token embedding (int8)", "flow matcher (int8)", "small tensors (float16)",
        "code",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "kind", "group"),
    [
        ("attention", "int5", "attention (int5)"),
        ("a part of my own", "int8", "a part of my own (int8)"),
        ("block scales", "float32", "small tensors (float32)"),
    ],
)
def test_groups_of_tensors(label: str, kind: str, group: str) -> None:
    assert group_of({"name": "blocks.3.attn.c_k.weight", "label": label, "kind": kind}) == group


def test_the_same_records_give_the_same_files(study: Any, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        plots(study.manifest_path, tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
