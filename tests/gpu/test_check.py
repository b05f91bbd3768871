"""`make gpu` takes its whole path on a CPU, and says so where there is no GPU or a line is over its budget."""

import json
import re
import subprocess

import pytest
import torch

from flowgolf.gpu import check
from flowgolf.gpu.bench import LINES, synchronisations
from flowgolf.gpu.scale import SCALES
from repository import ROOT


@pytest.fixture
def bench(monkeypatch):
    """No data are made; lines are the test's own."""
    monkeypatch.setattr(check, "Bench", lambda scale, folder: folder)


def asked(tmp_path, *more):
    return check.main(["--device", "cpu", "--scale", "tiny", "--out", str(tmp_path / "gpu.json"), *more])


def test_the_whole_path_on_a_cpu(tmp_path, capsys):
    assert asked(tmp_path) == 0
    said, record = capsys.readouterr().out, json.loads((tmp_path / "gpu.json").read_text())
    assert "every line keeps its budget" in said
    assert record["passed"] and [each["name"] for each in record["lines"]] == list(LINES)
    figures = {each["name"]: each["figures"] for each in record["lines"]}
    for name, values in figures.items():
        assert re.search(rf"^{name} .* pass$", said, re.MULTILINE)
        assert values and all(f"{key} " in said for key in values)
    assert figures["kill and resume"] == {"sessions": 2, "resumed_difference": 0}
    assert figures["sliding"]["positions"] == 2000 and figures["legal TTT"]["chunks"] == 3
    assert figures["several devices"]["devices"] == 1
    assert record["scale"] == "tiny" and record["versions"]["torch"] in torch.__version__


def test_every_budget_is_of_a_figure_that_there_is_and_the_goals_are_those_of_the_study():
    budgets = SCALES["published"].budgets
    assert (budgets["step_seconds"], budgets["whole_sliding_seconds"], budgets["whole_ttt_seconds"]) == (0.8, 480, 2400)
    source = (ROOT / "workflow" / "flowgolf" / "gpu" / "bench.py").read_text()
    assert all(f'"{key}": ' in source for key in budgets)


def test_a_line_that_fails_or_is_over_its_budget_fails_the_whole_and_stops_no_other(
    tmp_path, capsys, bench, monkeypatch
):
    def broken(_):
        raise RuntimeError("CUDA error: device-side assert\nmore of it")

    lines = {
        "one": lambda _: {"graph_breaks": 2.0, "free": 7.0},
        "two": broken,
        "three": lambda _: {"graph_breaks": 0.0},
    }
    monkeypatch.setattr(check, "LINES", lines)
    assert asked(tmp_path) == 1
    said = capsys.readouterr().out
    assert re.search(r"^one +graph_breaks +2 +<= 0 +over$", said, re.MULTILINE)
    assert re.search(r"^one +free +7$", said, re.MULTILINE)
    assert re.search(r"^one +0.0 s +FAIL$", said, re.MULTILINE)
    assert re.search(r"^two +RuntimeError: CUDA error: device-side assert +FAIL$", said, re.MULTILINE)
    assert re.search(r"^three +0.0 s +pass$", said, re.MULTILINE)
    assert "NOT every line keeps its budget" in said
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert [each["passed"] for each in record["lines"]] == [False, False, True] and not record["passed"]


def test_a_figure_that_is_no_number_fails_its_line(tmp_path, bench, monkeypatch):
    monkeypatch.setattr(check, "LINES", {"one": lambda _: {"bpb": float("nan"), "graph_breaks": 0.0}})
    assert asked(tmp_path) == 1
    (line,) = json.loads((tmp_path / "gpu.json").read_text())["lines"]
    assert line["failure"] == "bpb is nan" and line["figures"] == {"graph_breaks": 0}


@pytest.mark.parametrize(
    ("cuda", "why"), [(None, "is built without CUDA"), ("13.0", "built for CUDA 13.0, finds none")]
)
def test_without_a_gpu_it_says_so_and_is_no_success(tmp_path, capsys, monkeypatch, cuda, why):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    assert check.main(["--out", str(tmp_path / "gpu.json")]) == check.NO_GPU != 0
    said = capsys.readouterr().err
    assert why in said and "`make gpu DEVICE=cpu SCALE=tiny` takes the same path on a CPU" in said
    assert said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_cpu_that_is_asked_for_beside_a_gpu_is_not_mistaken(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert asked(tmp_path) == check.NO_GPU
    assert "set CUDA_VISIBLE_DEVICES= as well" in capsys.readouterr().err


def test_without_a_gpu_nothing_waits_for_one():
    with synchronisations() as waits:
        torch.ones(1).item()
    assert waits == []


@pytest.mark.parametrize(
    ("given", "device", "scale"),
    [((), "cuda", "published"), (("DEVICE=cpu", "SCALE=tiny", "WHEELS=wheels"), "cpu", "tiny")],
)
def test_make_gpu_is_that_command(given, device, scale):
    shown = subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/.complete", "gpu", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.strip() == f"python -m flowgolf.gpu.check --device {device} --scale {scale}"
