"""Records to one frame: values, and the status of what is not there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowgolf.report.results.collect import MESSAGE_CHARACTERS, collect, collect_results, short


def status(study: Any, variant: str, seed: int, stage: str) -> str:
    frame = collect(study.manifest)
    run = frame[(frame["variant"] == variant) & (frame["seed"] == seed)].iloc[0]
    return str(run[f"{stage}_status"])


def test_values_of_a_finished_run(study: Any) -> None:
    run = collect(study.manifest).iloc[0]
    assert (run["variant"], run["seed"], run["parameters"]) == ("base", 42, 700_000)
    assert run["roundtrip_bpb"] - run["sliding_bpb"] == pytest.approx(0.015)
    assert run["artifact_bytes"] == run["weights_bytes"] + run["code_bytes"]
    assert run["train_settings"] == {"model": {"dim": 128, "points": 0}, "train": {"steps": 250}}
    assert [run[f"{stage}_status"] for stage in ("train", "export", "sliding", "legal_ttt")] == ["done"] * 4


def test_a_study_without_records_is_pending(new_study: Callable[[int], Any]) -> None:
    results = collect_results(new_study(1).manifest_path)
    assert set(results.frame["sliding_status"]) == {"pending"}
    assert results.training.empty and results.adaptation.empty
    assert results.status("base", "train") == "pending"
    assert results.values("base", "sliding_bpb").empty


def test_a_failure_is_inherited_by_the_stages_after_it(study: Any) -> None:
    study.remove("nfm", 42, "export", "sliding", "legal_ttt")
    study.write(
        study.entry("nfm", 42)["failed"]["export"], {"message": "out of memory: lower the batch", "time": "now"}
    )
    assert status(study, "nfm", 42, "train") == "done"
    assert {status(study, "nfm", 42, s) for s in ("export", "sliding", "legal_ttt")} == {"failed: out of memory"}


def test_progress_of_a_running_stage(study: Any) -> None:
    study.remove("nfm", 42, "train", "export", "sliding", "legal_ttt")
    study.write(Path(study.entry("nfm", 42)["state"]["train"], "progress.json"), {"done": 439, "total": 1000})
    assert status(study, "nfm", 42, "train") == "running 43 %"
    assert status(study, "nfm", 42, "sliding") == "pending"


def test_a_retry_under_way_is_running_and_a_later_failure_failed(study: Any) -> None:
    study.remove("nfm", 42, "train")
    run = study.entry("nfm", 42)
    failure = study.write(run["failed"]["train"], {"message": "time limit", "time": "now"})
    progress = study.write(Path(run["state"]["train"], "progress.json"), {"done": 1, "total": 2})
    os.utime(failure, (100, 100))
    assert status(study, "nfm", 42, "train") == "running 50 %"
    os.utime(progress, (50, 50))
    assert status(study, "nfm", 42, "train") == "failed: time limit"


def test_a_result_outlives_its_old_failure(study: Any) -> None:
    study.write(study.entry("nfm", 42)["failed"]["train"], {"message": "time limit", "time": "now"})
    assert status(study, "nfm", 42, "train") == "done"


def test_a_stage_that_the_study_leaves_out(study: Any) -> None:
    for run in study.manifest["runs"]:
        run["legal_ttt"] = None
    assert status(study, "nfm", 42, "legal_ttt") == "not run"


def test_a_broken_record_is_named(study: Any) -> None:
    path = Path(study.entry("nfm", 42)["sliding"])
    path.write_text("{")
    with pytest.raises(ValueError, match=r"sliding\.json: not readable as JSON"):
        collect(study.manifest)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("out of memory: lower the batch", "out of memory"),
        ("KeyError: 'loss'", "KeyError: 'loss'"),
        ("loss is not finite at step 12", "loss is not finite at step 12"),
        ("word " * 30, "word " * 11 + "wo..."),
    ],
)
def test_short_messages(message: str, expected: str) -> None:
    assert short(message) == expected
    assert len(short(message)) <= MESSAGE_CHARACTERS


def test_curves_carry_their_run(study: Any) -> None:
    results = collect_results(study.manifest_path)
    validations = results.training.dropna(subset=["val_bpb"])
    assert list(validations.loc[(validations["variant"] == "nfm") & (validations["seed"] == 1337), "step"]) == [
        0, 50, 100, 150, 200, 250,
    ]  # fmt: skip
    assert results.adaptation.groupby(["variant", "seed"]).size().eq(40).all()
