"""The facts of a process that stand in every record."""

import os
import subprocess

import pytest

from flowgolf.running import facts


def test_commit_is_that_of_the_checkout_and_unknown_outside_one(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(facts, "WORKFLOW", tmp_path)
    assert facts.commit() == "unknown"
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert len(facts.commit()) == 12
    for name in ("config/study.yaml", "code.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "-m", "y"], check=True)
    (tmp_path / "config/study.yaml").write_text("2")
    assert len(facts.commit()) == 12  # a study is meant to be edited
    (tmp_path / "code.py").write_text("2")
    assert facts.commit().endswith("-dirty")


@pytest.mark.parametrize(
    ("squeue", "seconds"), [('test "$SLURM_TIME_FORMAT" = %s && echo 1700000000 1700000060', 60), ("exit 1", None)]
)
def test_a_record_names_the_slurm_job_and_its_wait(monkeypatch, tmp_path, squeue, seconds):
    stand_in = tmp_path / "squeue"
    stand_in.write_text(f"#!/bin/sh\n{squeue}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    record = facts.run_record()
    assert (record["slurm_job_id"], record["queue_seconds"]) == ("17", seconds)
    assert {"commit", "host", "versions", "written_at"} <= record.keys()


def test_a_record_from_outside_slurm_names_no_job(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert {facts.run_record()[key] for key in ("slurm_job_id", "slurmd_nodename", "queue_seconds")} == {None}
