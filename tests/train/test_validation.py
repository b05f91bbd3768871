"""A validation is shared by the processes, left early for a signal, and made up for when the run goes on."""

import os
import signal

import pytest
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.model.gpt import GPT
from flowgolf.resume import StateFolder
from flowgolf.scoring.roundtrip import roundtrip
from flowgolf.train import validation as validation_module
from flowgolf.train.distributed import Ranks
from flowgolf.train.trainer import Trainer
from flowgolf.train.validation import StopAskedError, Validation
from trainings import result, run, training_run

CPU = torch.device("cpu")


@pytest.fixture
def data(data_json):
    return Dataset.open(data_json)


@pytest.fixture
def gpt(model_settings):
    gpt = GPT(model_settings)
    gpt.init_weights(0)
    return gpt.eval()


class Member(Ranks):
    """One of several processes, whose exchanges give what all of them together have."""

    def __init__(self, rank, count, told):
        super().__init__(rank, count)
        self.told = told

    def largest(self, values, device):
        return values

    def add(self, values, device):
        self.told.append(values)
        return values


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_shares_are_the_whole(gpt, data, count):
    whole = roundtrip(gpt, data.validation, data.byte_table)
    told = []
    for rank in range(count):
        score = Validation(gpt, data, Member(rank, count, told), CPU, compiled=False).score()
        assert score.tokens == whole.tokens
    nats, num_bytes = map(sum, zip(*told, strict=True))
    assert num_bytes == whole.bytes
    assert nats == pytest.approx(whole.nats, rel=1e-6)


def test_alone_it_is_the_roundtrip_to_the_bit(gpt, data):
    assert Validation(gpt, data, Ranks(), CPU, compiled=False).score() == roundtrip(
        gpt, data.validation, data.byte_table
    )


def test_full_batches_are_compiled_and_the_rest_is_not(gpt, data, monkeypatch):
    monkeypatch.setattr(validation_module, "WINDOWS", 8)
    validation, shapes = Validation(gpt, data, Ranks(), CPU, compiled=True), []
    validation.compiled = lambda ids, targets: shapes.append(tuple(ids.shape)) or gpt.token_losses(ids, targets)
    score = validation.score()
    assert score == roundtrip(gpt, data.validation, data.byte_table, batch_windows=8)
    assert set(shapes) == {(8, 16)} and len(shapes) == (len(data.validation) - 1) // 16 // 8


def test_a_signal_is_seen_between_two_batches(gpt, data, monkeypatch):
    monkeypatch.setattr(validation_module, "WINDOWS", 4)
    answers = iter([0, 0, signal.SIGUSR1])
    with pytest.raises(StopAskedError, match="left because of signal") as caught:
        Validation(gpt, data, Ranks(), CPU, compiled=False).score(lambda: next(answers))
    assert caught.value.number == signal.SIGUSR1


def test_a_signal_to_one_process_ends_the_validation_of_all(gpt, data):
    class AskedElsewhere(Ranks):
        def largest(self, values, device):
            return [float(signal.SIGTERM)]

    with pytest.raises(StopAskedError):
        Validation(gpt, data, AskedElsewhere(), CPU, compiled=False).score()


@pytest.mark.parametrize("at", [0, 5, 20, "averages"])
def test_stopped_in_a_validation_it_saves_and_goes_on_to_the_same_bytes(
    tmp_path, data_json, model_settings, settings, monkeypatch, at
):
    run(tmp_path / "calm", data_json, model_settings, settings)
    validate, copied = Trainer.validate, []

    def validate_and_signal(trainer, *given):
        averages = torch.equal(trainer.model.tok_emb.weight, trainer.ema.weights["tok_emb.weight"]) and trainer.step
        if averages if at == "averages" else trainer.step == at and not averages:
            copied.append(trainer.step)
            os.kill(os.getpid(), signal.SIGUSR1)
        return validate(trainer, *given)

    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "validate", validate_and_signal)
        step = 20 if at == "averages" else at
        with pytest.raises(InterruptedError, match=f"stopped by SIGUSR1 after step {step}; the state is kept"):
            run(folder, data_json, model_settings, settings)
    assert len(copied) == 1 and not (folder / "model.safetensors").exists()
    identity = training_run(folder, data_json, model_settings, settings).identity(Dataset.open(data_json))
    assert StateFolder(folder / "state", identity).load()["step"] == step
    run(folder, data_json, model_settings, settings)
    assert result(folder)[:2] == result(tmp_path / "calm")[:2]
