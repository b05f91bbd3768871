"""The loop leaves a run's files (docs/spec/training.md, T16), refuses what cannot be trained, survives being killed."""

import itertools
import json
import multiprocessing
import os
import random
import signal
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from flowgolf import files
from flowgolf.data.dataset import Dataset
from flowgolf.resume import StateFolder
from flowgolf.train import trainer
from flowgolf.train.distributed import Ranks
from flowgolf.train.process import COLUMNS
from flowgolf.train.trainer import Trainer
from trainings import LABEL, result, run, training_run


def test_a_run_leaves_weights_curve_and_record(tmp_path, data_json, model_settings, settings, capsys):
    run(tmp_path, data_json, model_settings, settings)
    curve = pd.read_csv(tmp_path / "train.csv")
    assert list(curve.columns) == COLUMNS
    assert curve["step"].tolist() == list(range(21))
    assert curve.loc[curve["val_bpb"].notna(), "step"].tolist() == [0, 5, 10, 15, 20]
    assert curve["val_bpb"].iloc[-1] < curve["val_bpb"].iloc[0]
    assert curve["cfm_loss"].iloc[1:].notna().all()
    assert (curve["rate"].iloc[1:13] == 1).all()
    assert curve["rate"].iloc[-1] == pytest.approx(1 / 8)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["train_val_bpb"] == pytest.approx(curve["val_bpb"].iloc[-1])
    weights = load_file(tmp_path / "model.safetensors")
    assert record["parameters"] == sum(weight.numel() for weight in weights.values())
    assert {"commit", "host", "peak_memory_bytes", "tokens_per_second", "model_flops_utilisation"} <= record.keys()
    assert not (tmp_path / "state").exists()
    assert f"{LABEL}  100% (20/20 steps)" in capsys.readouterr().err


def test_a_seed_is_a_run_and_another_seed_is_another(tmp_path, data_json, model_settings, settings):
    for name, seed in [("a", 7), ("b", 7), ("c", 8)]:
        run(tmp_path / name, data_json, model_settings, settings, seed)
    first, again, other = (result(tmp_path / name)[0] for name in "abc")
    assert first == again
    assert first != other


def test_one_micro_batch_or_two_give_the_same_gradient_scale(data_json, model_settings, settings):
    norms = []
    for count in (1, 2):
        changed = settings.model_copy(update={"micro_batches": count})
        trainer = Trainer(model_settings, changed, LABEL, 7, Dataset.open(data_json))
        norms.append(trainer.take_step()["grad_norm"])
    assert norms[0] == pytest.approx(norms[1], rel=0.3)


def test_micro_batches_read_on_without_overlap(data_json, model_settings, settings):
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    first, _ = trainer.micro_batch(0)
    second, targets = trainer.micro_batch(1)
    stream = trainer.data.train.read(0, 66).astype(int)
    assert first.flatten().tolist() == stream[:32].tolist()
    assert second.flatten().tolist() == stream[33:65].tolist()
    assert targets.flatten().tolist() == stream[34:66].tolist()


def slow_fsync(descriptor):
    """Stands in for a slow disk, so that kills land inside a save."""
    time.sleep(0.02)


def train_in_child(arguments, slow):
    if slow:
        files.os.fsync = slow_fsync
    run(*arguments)


def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path, data_json, model_settings, settings):
    settings = settings.model_copy(update={"steps": 120, "checkpoint_every": 2})
    run(tmp_path / "calm", data_json, model_settings, settings)
    context = multiprocessing.get_context("fork")
    arguments = (tmp_path / "killed", data_json, model_settings, settings)
    rng, kills = random.Random(0), 0
    while kills < 12:
        child = context.Process(target=train_in_child, args=(arguments, True))
        child.start()
        child.join(rng.uniform(0.05, 0.4))
        if not child.is_alive():
            break
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += 1
    assert kills >= 10
    train_in_child(arguments, False)
    calm, killed = result(tmp_path / "calm"), result(tmp_path / "killed")
    assert calm[0] == killed[0]
    assert calm[1] == killed[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_asked_to_stop_it_saves_and_goes_on_later(tmp_path, data_json, model_settings, settings, monkeypatch, number):
    run(tmp_path / "calm", data_json, model_settings, settings)
    take_step = Trainer.take_step

    def take_step_and_signal(trainer):
        row = take_step(trainer)
        if trainer.step == 7:
            os.kill(os.getpid(), number)
        return row

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "take_step", take_step_and_signal)
        with pytest.raises(InterruptedError, match=f"stopped by {number.name} after step 7; the state is kept"):
            run(tmp_path / "stopped", data_json, model_settings, settings)
    run(tmp_path / "stopped", data_json, model_settings, settings)
    assert result(tmp_path / "calm")[:2] == result(tmp_path / "stopped")[:2]


def test_a_signal_after_the_processes_agreed_stops_the_next_step(
    tmp_path, data_json, model_settings, settings, monkeypatch
):
    largest, calls = Ranks.largest, []

    def largest_then_signal(ranks, values, device):
        agreed = largest(ranks, values, device)
        calls.extend([agreed] * (len(values) == 2))  # seconds and signal: the exchange after a step
        if len(calls) == 7 and len(values) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return agreed

    monkeypatch.setattr(Ranks, "largest", largest_then_signal)
    with pytest.raises(InterruptedError, match="stopped by SIGTERM after step 8; the state is kept"):
        run(tmp_path, data_json, model_settings, settings)


def test_a_loss_that_is_not_finite_stops_at_once_and_keeps_the_last_good_state(
    tmp_path, data_json, model_settings, settings, monkeypatch
):
    gradient = Trainer.gradient

    def broken(trainer):
        losses = gradient(trainer)
        losses[0] = float("nan") if trainer.step == 9 else losses[0]
        return losses

    monkeypatch.setattr(Trainer, "gradient", broken)
    message = rf"{LABEL}: not finite at step 10: loss nan, gradient norm [\d.]+, rate multiplier 1 \(matrix_lr 0.025\)"
    with pytest.raises(FloatingPointError, match=message):
        run(tmp_path, data_json, model_settings, settings)
    assert not (tmp_path / "model.safetensors").exists()
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    folder = StateFolder(
        tmp_path / "state", training_run(tmp_path, data_json, model_settings, settings).identity(trainer.data)
    )
    trainer.restore(folder.load())
    assert trainer.step == 8
    assert all(torch.isfinite(parameter).all() for parameter in trainer.model.parameters())


def test_a_wall_clock_cap_ends_in_time_with_the_rate_going_down(
    tmp_path, data_json, model_settings, settings, monkeypatch
):
    ticks = itertools.count()
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 100))  # 10 ms a step
    settings = settings.model_copy(update={"steps": 100_000, "max_seconds": 1.0, "warmdown_steps": 40})
    run(tmp_path, data_json, model_settings, settings)
    curve = pd.read_csv(tmp_path / "train.csv")
    assert 1.0 <= curve["seconds"].iloc[-1] < 1.02
    assert curve["rate"].iloc[1] == 1
    assert curve["rate"].iloc[-1] < 0.2
    assert np.diff(curve["rate"].iloc[1:]).max() < 0.1


@pytest.mark.parametrize(
    ("model", "train", "message"),
    [
        ({"seq_len": 5}, {}, r"train.micro_batches = 32 is not a multiple of model.seq_len 5"),
        ({"vocab_size": 77}, {}, r"the tokenizer has \d+ pieces and model.vocab_size is 77"),
        ({}, {"batch_tokens": 3200}, r"the training shards hold 1500 tokens, fewer than one micro-batch of 1601"),
        (
            {"seq_len": 400},
            {"batch_tokens": 800},
            r"the validation shards hold \d+ tokens, fewer than one window of 400",
        ),
    ],
)
def test_data_that_does_not_fit_is_refused_before_any_step(
    tmp_path, data_json, model_settings, settings, model, train, message
):
    with pytest.raises(ValueError, match=message):
        run(tmp_path, data_json, model_settings.model_copy(update=model), settings.model_copy(update=train))
    assert not list(tmp_path.iterdir())
