"""Several processes give the run of one, and no process's end costs more than the steps since the last save."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from flowgolf.resume import read
from flowgolf.train import launch
from flowgolf.train.distributed import LostContactError, Ranks, exchange
from flowgolf.train.optimisers.muon import newton_schulz
from flowgolf.train.rank import errors, leave_error
from flowgolf.train.settings import TrainSettings
from trainings import LABEL, result, run, training_run


@pytest.fixture(scope="module")
def settings():
    """Sixty steps of two micro-batches."""
    return TrainSettings(
        steps=60, batch_tokens=64, micro_batches=2, warmdown_steps=20, val_every=20, checkpoint_every=5,
        muon_momentum_warmup_steps=5, ema_decay=0.9,
    )  # fmt: skip


@pytest.fixture
def two(settings):
    return settings.model_copy(update={"devices": 2})


@pytest.fixture
def calm(tmp_path, data_json, model_settings, settings):
    """The curve of one undisturbed process."""
    run(tmp_path / "calm", data_json, model_settings, settings)
    return curve(tmp_path / "calm")


@pytest.fixture
def launched():
    """Starts a training in a process of its own; what is left of it is ended afterwards, by its process id."""
    started = []

    def start(training):
        code = "import sys\nfrom flowgolf.train.launch import launch\nfrom flowgolf.train.run import TrainingRun\n"
        code += "launch(TrainingRun.model_validate_json(sys.stdin.read()))"
        parent = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(parent)
        parent.stdin.write(training.model_dump_json())
        parent.stdin.close()
        return parent

    yield start
    for parent in started:
        parent.kill()
        parent.wait()
        parent.stderr.close()


def curve(folder):
    return pd.read_csv(folder / "train.csv").drop(columns="seconds")


def ranks_of(parent):
    """Process ids of the ranks, in order, that a launching process has started."""
    listing = ["ps", "-o", "pid=,args=", "--ppid", str(parent.pid)]
    lines = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.splitlines()
    return sorted(int(line.split()[0]) for line in lines if "flowgolf.train.rank" in line)


def wait_for(condition):
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)


def saved_step(folder):
    return read(folder / "state" / "state.pt")["state"]["step"]


def test_two_processes_give_the_curve_of_one(tmp_path, data_json, model_settings, two, calm, capsys):
    capsys.readouterr()
    run(tmp_path / "two", data_json, model_settings, two)
    assert capsys.readouterr().err.count(f"{LABEL}  100% (60/60 steps)") == 1
    pd.testing.assert_frame_equal(curve(tmp_path / "two"), calm, rtol=0, atol=1e-5)
    one, both = (load_file(tmp_path / name / "model.safetensors") for name in ("calm", "two"))
    assert max(float((one[name] - both[name]).abs().max()) for name in one) < 1e-4
    record = result(tmp_path / "two")[2]
    assert record["devices"] == 2
    assert [each["devices"] for each in record["sessions"]] == [2]
    assert not (tmp_path / "two" / "state").exists()


@pytest.mark.parametrize(
    ("number", "to_rank"), [(signal.SIGTERM, False), (signal.SIGUSR1, False), (signal.SIGUSR1, True)]
)
def test_a_signal_stops_all_after_one_step_and_one_process_goes_on(
    tmp_path, data_json, model_settings, settings, two, calm, launched, number, to_rank
):
    folder = tmp_path / "two"
    parent = launched(training_run(folder, data_json, model_settings, two))
    wait_for((folder / "state" / "state.pt").exists)
    os.kill(ranks_of(parent)[1] if to_rank else parent.pid, number)
    said = parent.stderr.read()
    step = saved_step(folder)
    assert (
        f"InterruptedError: stopped by {number.name} after step {step}; the state is kept, run again to go on" in said
    )
    assert 5 <= step < 60
    run(folder, data_json, model_settings, settings)
    pd.testing.assert_frame_equal(curve(folder), calm, rtol=0, atol=1e-5)
    sessions = result(folder)[2]["sessions"]
    assert [(each["devices"], each["from_step"]) for each in sessions] == [(2, 0), (1, step)]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies_ends_the_run_with_one_message_and_leaves_the_state(
    tmp_path, data_json, model_settings, two, launched, victim
):
    parent = launched(training_run(tmp_path, data_json, model_settings, two))
    wait_for((tmp_path / "state" / "state.pt").exists)
    pids = ranks_of(parent)
    os.kill(pids[victim], signal.SIGKILL)
    said = parent.stderr.read()
    parent.wait()
    assert said.count("died") == 1
    assert f"{LABEL}: process {victim + 1} of 2 died (SIGKILL); what was saved is kept, run again to go on" in said
    assert saved_step(tmp_path) % 5 == 0
    assert not (tmp_path / "model.safetensors").exists()


def test_a_survivor_that_is_told_to_end_is_not_the_reason(tmp_path, data_json, model_settings, two):
    """The launcher sends SIGTERM to the others of a process that died, and each notes it for all."""
    died = "import os, pathlib, sys; pathlib.Path(sys.argv[1], 'stop').write_text('15'); os.kill(os.getpid(), 9)"
    with pytest.raises(ChildProcessError, match=r"process [12] of 2 died \(SIGKILL\)"):
        launch.launch(training_run(tmp_path, data_json, model_settings, two), ("-c", died))


def test_killing_the_launching_process_leaves_nobody_behind(tmp_path, data_json, model_settings, two, launched):
    parent = launched(training_run(tmp_path, data_json, model_settings, two.model_copy(update={"steps": 100_000})))
    wait_for((tmp_path / "state" / "state.pt").exists)
    pids = ranks_of(parent)
    assert len(pids) == 2
    parent.kill()
    wait_for(lambda: not any(alive(pid) for pid in pids))


def alive(pid):
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return state not in ("", "Z", "Zs", "Zl", "Zsl")


def test_an_error_of_the_processes_is_raised_as_it_is(tmp_path, data_json, model_settings, two):
    with pytest.raises(ValueError, match=r"the tokenizer has \d+ pieces and model.vocab_size is 77") as caught:
        run(tmp_path, data_json, model_settings.model_copy(update={"vocab_size": 77}), two)
    assert "check_vocabulary" in "".join(caught.value.__notes__)  # the traceback, for the log


def test_more_devices_than_gpus_are_refused(tmp_path, data_json, model_settings, two, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match=r"train.devices: 2 asked for, this machine shows 1 GPUs"):
        launch.launch(training_run(tmp_path, data_json, model_settings, two))


def test_devices_must_divide_the_micro_batches():
    with pytest.raises(ValidationError, match=r"devices: 3 does not divide micro_batches 8"):
        TrainSettings(devices=3)


def test_shares_are_disjoint_and_complete():
    assert [list(Ranks(rank, 3).share(6)) for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]
    assert list(Ranks().share(4)) == [0, 1, 2, 3]


def test_alone_nothing_is_exchanged():
    tensor = torch.ones(2)
    Ranks().sum([tensor])
    assert tensor.tolist() == [1, 1]
    assert Ranks().largest([1.5], torch.device("cpu")) == [1.5]
    matrices = torch.randn(2, 3, 4)
    assert torch.equal(Ranks().spread(newton_schulz, matrices), newton_schulz(matrices))


def test_a_broken_exchange_says_that_contact_is_lost():
    message = r"lost contact with the other processes of the run \(closed by peer\)"
    with pytest.raises(LostContactError, match=message), exchange():
        raise RuntimeError("closed by peer")


class Failure:
    def __init__(self, exitcode):
        self.exitcode = exitcode


@pytest.mark.parametrize(
    ("left", "exit_codes", "expected"),
    [
        ({0: LostContactError("gone"), 1: ValueError("mine")}, {0: 1}, "mine"),
        ({0: LostContactError("gone")}, {0: 1, 1: -9}, rf"{LABEL}: process 2 of 2 died \(SIGKILL\)"),
        ({0: LostContactError("gone")}, {0: 1}, "gone"),
        ({}, {1: 3}, rf"{LABEL}: process 2 of 2 died \(exit code 3\)"),
    ],
)
def test_the_cause_is_told_and_not_its_consequence(
    tmp_path, data_json, model_settings, two, left, exit_codes, expected
):
    for rank, error in left.items():
        leave_error(tmp_path / f"{rank:04}.error", error)
    training = training_run(tmp_path, data_json, model_settings, two)
    found = launch.first_error(tmp_path, training, {rank: Failure(code) for rank, code in exit_codes.items()})
    with pytest.raises(type(found), match=expected):
        raise found


def test_an_error_that_cannot_travel_keeps_its_text(tmp_path):
    class LocalError(Exception):
        pass

    leave_error(tmp_path / "0000.error", LocalError("what happened"))
    assert [str(error) for error in errors(tmp_path)] == ["LocalError: what happened"]
