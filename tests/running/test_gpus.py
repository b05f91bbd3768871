"""Jobs that share a machine have a GPU each, wait for one, and give it back however they end."""

import os
import subprocess
import sys
import threading

import pytest

from flowgolf.running import gpus
from flowgolf.running.gpus import VISIBLE, leased, machine_gpus


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A machine whose driver shows two GPUs, outside of SLURM."""
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: A card (UUID: a)'\necho 'GPU 1: A card (UUID: b)'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(gpus, "leases_folder", lambda: tmp_path / "leases")
    monkeypatch.setattr(gpus, "WAIT_SECONDS", 0.01)
    for name in (VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)


def test_two_jobs_have_a_gpu_each_and_a_third_waits(two_gpus):
    order = []
    with leased(1) as first:
        assert (first, os.environ[VISIBLE]) == (["0"], "0")
        second = gpus.wait_for(["0", "1"], 1)
        assert list(second) == ["1"]
        waiting = threading.Thread(target=lambda: order.append(list(gpus.wait_for(["0", "1"], 1))))
        waiting.start()
        waiting.join(0.1)
        assert not order
        second["1"].close()
        waiting.join(10)
        assert order == [["1"]]
    assert VISIBLE not in os.environ


def test_who_needs_two_never_keeps_one_while_it_waits(two_gpus):
    one = gpus.wait_for(["0", "1"], 1)
    waiting = threading.Thread(target=lambda: gpus.wait_for(["0", "1"], 2))
    waiting.start()
    waiting.join(0.05)
    two = gpus.wait_for(["0", "1"], 1)  # free again between two tries
    assert list(two) == ["1"]
    for file in (*one.values(), *two.values()):
        file.close()
    waiting.join(10)
    assert not waiting.is_alive()


def test_the_gpu_of_a_killed_job_is_free(two_gpus, tmp_path):
    code = (
        "import time\nfrom pathlib import Path\nfrom flowgolf.running import gpus\n"
        f"gpus.leases_folder = lambda: Path({str(tmp_path / 'leases')!r})\n"
        "held = gpus.wait_for(['0'], 1)\nprint('held', flush=True)\ntime.sleep(600)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    assert not gpus.free(["0"], 1)
    other.kill()
    other.wait()
    other.stdout.close()
    assert list(gpus.free(["0"], 1)) == ["0"]


def test_more_than_the_machine_has_is_refused(two_gpus):
    with pytest.raises(ValueError, match="3 GPUs are asked for, this machine has 2"), leased(3):
        pass


def test_what_the_shell_shows_is_what_there_is(two_gpus, monkeypatch):
    assert machine_gpus() == ["0", "1"]
    monkeypatch.setenv(VISIBLE, "5,7")
    with leased(1) as held:
        assert held == ["5"] and os.environ[VISIBLE] == "5"
    assert os.environ[VISIBLE] == "5,7"
    monkeypatch.setenv(VISIBLE, "")
    assert machine_gpus() == []


def test_without_gpus_or_in_a_slurm_job_nothing_is_changed(two_gpus, monkeypatch, tmp_path):
    with leased(0) as held:
        assert held == [] and VISIBLE not in os.environ
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with leased(1) as held:
        assert held == [] and VISIBLE not in os.environ
    monkeypatch.delenv("SLURM_JOB_ID")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    with leased(1) as held:
        assert held == [] and VISIBLE not in os.environ


def test_the_memory_of_the_smallest_gpu(two_gpus, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 81559\necho 12288\n")
    assert gpus.gpu_bytes() == 12288 * 2**20
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    assert gpus.gpu_bytes() is None
