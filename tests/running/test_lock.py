"""One writer for one output, whoever dies."""

import json
import multiprocessing
import os
import socket
import time

import pytest

from flowgolf.running import lock
from flowgolf.running.lock import alive, locked
from flowgolf.running.slurm import has_started


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.02)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


def holder(**changes):
    return {"job": None, "host": socket.gethostname(), "pid": os.getpid(), "key": "k", **changes}


def dead_pid():
    """Process id of a process that has ended."""
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    return child.pid


def hold(path, seconds):
    with locked(path, "first", "k"):
        time.sleep(seconds)


def test_a_free_lock_is_taken_and_given_back(tmp_path):
    with locked(tmp_path / "a" / "train.lock", "train nfm", "k") as waited_for:
        assert waited_for is None
        assert json.loads((tmp_path / "a" / "train.lock").read_text())["pid"] == os.getpid()
    assert list((tmp_path / "a").iterdir()) == []


def test_a_living_holder_of_the_same_work_is_waited_for_and_named(tmp_path, capsys):
    path = tmp_path / "train.lock"
    child = multiprocessing.get_context("fork").Process(target=hold, args=(path, 0.4))
    child.start()
    while not path.exists():
        time.sleep(0.01)
    with locked(path, "train nfm", "k") as waited_for:
        assert waited_for == f"process {child.pid} on {socket.gethostname()}"
    child.join()
    assert f"train nfm: waiting for process {child.pid}" in capsys.readouterr().err


def test_a_dead_holder_is_passed_over_and_told(tmp_path, capsys):
    path = tmp_path / "train.lock"
    path.write_text(json.dumps(holder(pid=dead_pid())))
    with locked(path, "train nfm", "k") as waited_for:
        assert waited_for is None
    assert "is gone, its lock" in capsys.readouterr().err
    assert not path.exists()


def test_the_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="half"), locked(tmp_path / "train.lock", "train", "k"):
        raise RuntimeError("half way")
    assert not (tmp_path / "train.lock").exists()


def test_a_holder_elsewhere_that_cannot_be_asked_is_told_with_the_remedy(tmp_path):
    message = r"held by process 1 on elsewhere, which cannot be asked .*; if it no longer runs, remove that file"
    with pytest.raises(ValueError, match=message):
        alive(holder(host="elsewhere", pid=1), tmp_path / "train.lock")


def test_without_slurm_the_queue_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert has_started("17") is None


@pytest.mark.parametrize(("answer", "expected"), [("RUNNING", True), ("", False), ("PENDING", False)])
def test_a_stand_in_for_squeue_decides_about_a_slurm_job(monkeypatch, tmp_path, answer, expected):
    stand_in = tmp_path / "squeue"
    stand_in.write_text(f"#!/bin/sh\necho {answer}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert alive(holder(job="17", host="elsewhere"), tmp_path / "train.lock") is expected
