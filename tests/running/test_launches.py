"""Only jobs whose main process is known to be dead are cancelled; squeue and scancel are stand-ins here."""

import multiprocessing
import os

import pytest

from flowgolf.files import read_json, write_json
from flowgolf.running import launches
from flowgolf.running.launches import FOLDER, LAUNCH, announce, cancel_left_behind, ended, started

NAME = "quick_1"


@pytest.fixture
def queue(stand_in, tmp_path):
    """A queue in which job 7 of every name waits; what is cancelled stands in a file."""
    stand_in("squeue", f"echo $* >> {tmp_path}/asked; echo 7")
    stand_in("scancel", f"echo $* >> {tmp_path}/cancelled")
    return tmp_path / "cancelled"


def word(folder, **changes):
    """Leave word of a launch, with some of it changed."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(LAUNCH, "")
        announce(folder, NAME, None, [])
    path = folder / FOLDER / f"{NAME}.json"
    write_json(path, {**read_json(path), **changes})
    return path


def dead_pid():
    """Process id of a process that has ended."""
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    return child.pid


@pytest.mark.parametrize("changes", [{"pid": dead_pid()}, {"started": "another boot 5"}], ids=["gone", "number reused"])
def test_what_a_dead_main_process_left_waiting_is_cancelled_once(queue, tmp_path, capsys, changes):
    path = word(tmp_path, **changes)
    assert cancel_left_behind(tmp_path) == ["7"]
    assert queue.read_text() == "7\n"
    assert f"--states=PENDING --name={NAME}" in (tmp_path / "asked").read_text()
    assert "cancelling jobs that an earlier Snakemake left in the queue: 7" in capsys.readouterr().err
    assert not path.exists()
    assert cancel_left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "changes", [{}, {"machine": "another login node"}, {"name": None, "machine": None}], ids=["lives", "unknown", "odd"]
)
def test_jobs_of_any_other_main_process_stay(queue, tmp_path, changes):
    path = word(tmp_path, **changes)
    assert cancel_left_behind(tmp_path) == []
    assert not queue.exists()
    assert path.exists()


def test_a_word_that_cannot_be_read_or_is_another_users_stays(queue, tmp_path, monkeypatch):
    path = word(tmp_path, pid=dead_pid())
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    path.with_name("odd.json").write_text("{")
    assert cancel_left_behind(tmp_path) == []
    assert path.exists()


@pytest.mark.parametrize("answer", ["RUNNING", "", None])
def test_a_main_process_that_is_a_job_is_asked_of_slurm(stand_in, tmp_path, answer):
    stand_in("squeue", "exit 1" if answer is None else f"echo {answer}")
    launch = read_json(word(tmp_path, job="17", machine="a node"))
    assert ended(launch) is {"RUNNING": False, "": True, None: None}[answer]


def test_when_slurm_does_not_answer_the_word_stays_for_the_next_launch(stand_in, tmp_path):
    stand_in("squeue", "exit 1")
    path = word(tmp_path, pid=dead_pid())
    assert cancel_left_behind(tmp_path) == []
    assert path.exists()


def test_a_process_that_waits_to_be_buried_is_dead():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert started(pid) is None
    os.waitpid(pid, 0)
    assert started(os.getpid()) is not None
    assert launches.machine()
