"""The facts of a process that stand in every record."""

import os
import subprocess

import pytest

from flowgolf.running import environment, facts


def test_commit_is_that_of_the_checkout_and_unknown_outside_one(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(facts, "WORKFLOW", tmp_path)
    assert facts.commit() == "unknown"
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert len(facts.commit()) == 12
    edited = ("config/study.yaml", "profiles/slurm/config.yaml", "docs/cluster.md", "workflow/code.py")
    write(tmp_path, "1", *edited)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "-m", "y"], check=True)
    write(tmp_path, "2", *edited[:3], "notes.txt")
    assert len(facts.commit()) == 12  # a study and a profile are meant to be edited
    write(tmp_path, "2", "workflow/code.py")
    assert facts.commit().endswith("-dirty")


def test_code_that_git_does_not_know_is_a_difference(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "WORKFLOW", tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert not facts.commit().endswith("-dirty")
    write(tmp_path, "1", "workflow/new_part.py")
    assert facts.commit().endswith("-dirty")


def write(folder, text, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


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


def test_a_record_names_the_libraries_variables_and_no_others(monkeypatch):
    for name in [name for name in os.environ if environment.LIBRARY_VARIABLE.match(name)]:
        monkeypatch.delenv(name)
    given = {"NCCL_DEBUG": "INFO", "TORCHINDUCTOR_CACHE_DIR": "/x", "PYTORCH_CUDA_ALLOC_CONF": "a:b", "SECRET": "s"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert facts.run_record()["environment"] == {"NCCL_DEBUG": "INFO", "PYTORCH_CUDA_ALLOC_CONF": "a:b"}
