"""What `status` says of runs in every state, from files and from a squeue that the test puts on the path."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from flowgolf.running.slurm import ClusterJob, cluster_jobs, jobs_of
from flowgolf.watch.status import failures, status, status_table

PROGRESS = "train base seed 42  43% (129/300 steps)  loss 3.210  bpb 1.900  tokens/s 21,000  0:40 left"
NOW = time.time()


@pytest.fixture
def watched(study: Any) -> Any:
    """The complete made-up study, whose runs name their logs and queue entries."""
    for run in study.manifest["runs"]:
        variant, seed = run["variant"], run["seed"]
        run["jobs"] = {
            stage: [{"log": str(study.folder / f"logs/{stage}/{variant}/{seed}.log"), "queue_name": f"{stage} {seed}"}]
            for stage in ("train", "export", "sliding", "legal_ttt")
        }
    return study


def clear(study: Any, *stages: str) -> None:
    """Take away what base seed 42 has left at these stages."""
    study.remove("base", 42, *stages)


def log(study: Any, stage: str, *lines: str) -> Path:
    """Write the log of a stage of base seed 42."""
    path = Path(study.entry("base", 42)["jobs"][stage][0]["log"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def state(study: Any, jobs: dict[str, ClusterJob] | None = None, now: float = NOW) -> str:
    """The state of base seed 42."""
    frame = status_table(study.manifest, jobs or {}, now).frame
    return str(frame[(frame["variant"] == "base") & (frame["seed"] == "42")]["state"].iloc[0])


def test_every_declared_run_has_a_row_and_a_finished_one_its_values(watched: Any) -> None:
    table = status_table(watched.manifest, {}, NOW)
    assert list(zip(table.frame["variant"], table.frame["seed"], strict=True)) == [
        (run["variant"], str(run["seed"])) for run in watched.manifest["runs"]
    ]
    assert table.title == "made_up: 8 runs, 8 done"
    assert set(table.frame["state"]) == {"done"}
    first = table.frame.iloc[0]
    assert first["train_val_bpb"] == "2.1282" and first["sliding_bpb"] and first["legal_ttt_bpb"]
    assert first["artifact_bytes"] == "610,374"


def test_a_partial_value_says_so(watched: Any) -> None:
    watched.change("base", 42, "sliding", partial=True)
    first = status_table(watched.manifest, {}, NOW).frame.iloc[0]
    assert first["sliding_bpb"].endswith(" (partial)") and "partial" not in first["legal_ttt_bpb"]


def test_a_run_that_nothing_has_started_is_pending(watched: Any) -> None:
    clear(watched, "train", "export", "sliding", "legal_ttt")
    assert state(watched) == "pending"
    assert status_table(watched.manifest, {}, NOW).title == "made_up: 8 runs, 7 done, 1 pending"


def test_a_run_between_two_stages_names_what_it_waits_for(watched: Any) -> None:
    clear(watched, "sliding", "legal_ttt")
    log(watched, "sliding", "sliding base seed 42  done in 0:12")
    assert state(watched) == "pending: sliding, legal_ttt"


def test_a_running_stage_shows_step_loss_percent_and_time_left(watched: Any) -> None:
    clear(watched, "train", "export", "sliding", "legal_ttt")
    log(watched, "train", "a first line", PROGRESS)
    expected = "train running 43% (129/300 steps), loss 3.210, bpb 1.900, tokens/s 21,000, 0:40 left"
    assert state(watched) == expected


def test_a_stage_that_has_said_nothing_for_long_is_marked(watched: Any) -> None:
    clear(watched, "export", "sliding", "legal_ttt")
    path = log(watched, "export", "searching")
    os.utime(path, (NOW - 4000, NOW - 4000))
    assert state(watched) == "export running, silent for 1:06:40"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("out of memory: lower the batch or ask for more (x)", "out of memory"),
        ("train base seed 42: not finite at step 7: loss nan", "not finite at step 7"),
        ("no plan fits: 16,242,245 bytes are over the cap", "no plan fits"),
        ("stopped by SIGTERM after step 30; the state is kept", "stopped by SIGTERM after step 30; the state is kept"),
    ],
)
def test_a_failed_stage_shows_its_reason(watched: Any, message: str, shown: str) -> None:
    clear(watched, "train", "export", "sliding", "legal_ttt")
    log(watched, "train", PROGRESS)
    watched.write(watched.entry("base", 42)["failed"]["train"], {"message": message})
    assert state(watched) == f"train failed: {shown}"


def test_a_failure_is_told_in_full_with_its_log(watched: Any) -> None:
    assert failures(watched.manifest) == []
    clear(watched, "train")
    message = "train base seed 42: not finite at step 7: loss nan"
    watched.write(watched.entry("base", 42)["failed"]["train"], {"message": message})
    log = watched.entry("base", 42)["jobs"]["train"][0]["log"]
    assert failures(watched.manifest) == [
        f"train base seed 42 failed: not finite at step 7: loss nan\n  details: {log}"
    ]


def test_the_same_state_of_two_stages_is_said_once(watched: Any) -> None:
    clear(watched, "sliding", "legal_ttt")
    for stage in ("sliding", "legal_ttt"):
        watched.write(watched.entry("base", 42)["failed"][stage], {"message": "disk full"})
    assert state(watched) == "sliding, legal_ttt failed: disk full"


@pytest.mark.parametrize(
    ("slurm", "shown"),
    [
        ("PENDING", "queued (job 17: Priority)"),
        ("RUNNING", "running (job 17)"),
        ("TIMEOUT", "failed: time limit (job 17)"),
        ("OUT_OF_MEMORY", "failed: out of memory (job 17)"),
    ],
)
def test_the_queue_tells_what_no_file_tells(watched: Any, slurm: str, shown: str) -> None:
    clear(watched, "sliding")
    assert state(watched, {"sliding 42": ClusterJob("17", slurm, "Priority")}) == f"sliding {shown}"


def test_a_job_that_waits_again_is_queued_and_not_failed(watched: Any) -> None:
    clear(watched, "sliding")
    watched.write(watched.entry("base", 42)["failed"]["sliding"], {"message": "disk full"})
    assert state(watched, {"sliding 42": ClusterJob("18", "PENDING", "Resources")}).startswith("sliding queued")


def test_one_running_part_makes_a_stage_running(watched: Any) -> None:
    clear(watched, "sliding")
    parts = [{"log": str(watched.folder / f"part{part}.log"), "queue_name": f"part {part}"} for part in range(2)]
    watched.entry("base", 42)["jobs"]["sliding"] = parts
    Path(parts[0]["log"]).write_text("sliding_part  done in 0:10\n")
    Path(parts[1]["log"]).write_text("sliding  50% (5/10 positions)  0:01 left\n")
    assert state(watched) == "sliding running 50% (5/10 positions), 0:01 left"


def test_only_the_latest_job_of_this_folder_counts(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    listing = (
        f"12|TIMEOUT|None|{here}|rule_train_wildcards_base_1\n13_1|PENDING|Priority|{here}|rule_train_wildcards_base_1\n"
        f"99|RUNNING|None|{elsewhere}|rule_train_wildcards_base_1\n11|FAILED|None|{here}|rule_train_wildcards_base_1\n"
    )
    assert jobs_of(listing, here) == {"rule_train_wildcards_base_1": ClusterJob("13_1", "PENDING", "Priority")}


@pytest.mark.parametrize(
    ("script", "problem"),
    [("echo no controller >&2; exit 1", "no controller"), ("exit 1", "squeue failed"), ("sleep 9", "did not answer")],
)
def test_a_queue_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, problem: str
) -> None:
    monkeypatch.setattr("flowgolf.running.slurm.GLANCE_SECONDS", 1)
    (tmp_path / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    jobs, found = cluster_jobs(tmp_path)
    assert jobs == {} and problem in found


def test_without_a_cluster_there_is_no_queue_and_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cluster_jobs(tmp_path) == ({}, "")


def test_status_prints_the_runs_and_the_tables_so_far(
    watched: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    clear(watched, "sliding")
    status(watched.manifest, tmp_path / "partial")
    printed = capsys.readouterr().out
    assert "made_up: 8 runs, 7 done, 1 pending" in printed and "2 of 3 seeds" in printed
    assert (tmp_path / "partial" / "tables" / "two_by_two.csv").exists()


def test_records_that_no_table_takes_do_not_keep_the_status_away(
    watched: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    watched.change("base", 42, "sliding", settings={"seq_len": 999, "stride": 64})
    status(watched.manifest, tmp_path / "partial")
    printed = capsys.readouterr().out
    assert "8 runs, 8 done" in printed
    assert (
        "no tables: the records break a rule of docs/spec/legality.md: variant base, sliding: seq_len is 999" in printed
    )


def test_before_any_result_status_prints_no_table_of_results(
    watched: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for run in watched.manifest["runs"]:
        watched.remove(run["variant"], run["seed"], "train", "export", "sliding", "legal_ttt")
    status(watched.manifest, tmp_path / "partial")
    assert "8 runs, 8 pending" in capsys.readouterr().out
    assert not (tmp_path / "partial").exists()
