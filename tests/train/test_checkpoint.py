"""At any moment a complete state lies on disk, and only the right one is taken."""

import os
import signal

import pytest
import torch

from flowgolf.resume import StateFolder, stop_requests

IDENTITY = {"train.steps": "7", "seed": 1}


def saved(folder, *steps):
    states = StateFolder(folder, IDENTITY)
    for step in steps:
        states.save({"step": step, "weight": torch.full((3,), float(step))})
    return states


def test_nothing_saved_is_none(tmp_path):
    assert StateFolder(tmp_path / "gone", IDENTITY).load() is None


def test_the_newest_state_is_loaded_and_the_one_before_is_kept(tmp_path):
    states = saved(tmp_path, 1, 2, 3)
    assert states.load()["step"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["previous.pt", "state.pt"]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_state_falls_back_and_says_so(tmp_path, capsys, damage):
    states = saved(tmp_path, 1, 2)
    data = bytearray(states.current.read_bytes())
    data[len(data) // 2] ^= 1
    states.current.write_bytes({"cut": data[:-9], "flip": data, "empty": b""}[damage])
    assert states.load()["step"] == 1
    assert "state.pt: damaged, going back to the state before it" in capsys.readouterr().err


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path):
    states = saved(tmp_path, 1, 2)
    states.current.replace(states.folder / "new.pt")
    assert states.load()["step"] == 2


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"train.steps": "8"}, "other train.steps was '7' there and is '8' here: starting afresh"),
        ({"train.steps": 100 * "8"}, "other train.steps: starting afresh"),
        ({"seed": 2, "train.steps": "8"}, "other seed, train.steps was 1 there and is 2 here: starting afresh"),
    ],
)
def test_a_state_of_another_run_is_passed_over_with_one_line(tmp_path, capsys, changed, told):
    saved(tmp_path, 1)
    other = StateFolder(tmp_path, {**IDENTITY, **changed})
    assert other.load() is None
    assert capsys.readouterr().err == f"{tmp_path / 'state.pt'}: saved by a run with {told}\n"
    other.save({"step": 2})
    other.current.write_bytes(b"damaged")
    assert other.load() is None  # the one before it is still the other run's


def test_remove_forgets_everything(tmp_path):
    states = saved(tmp_path / "state", 1, 2)
    states.remove()
    assert not states.folder.exists()
    states.remove()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP])
def test_a_signal_becomes_a_request_and_the_handler_is_put_back(number):
    before = signal.getsignal(number)
    with stop_requests() as stop:
        os.kill(os.getpid(), number)
        assert stop.signal == number.name
    assert signal.getsignal(number) == before


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stop_requests() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)
