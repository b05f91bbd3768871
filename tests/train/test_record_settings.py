"""What the record's settings of training do: recurrence over a run, decays, warm-down, reserve, order, documents."""

import itertools
import json
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from torch._dynamo.testing import CompileCounter

from flowgolf.data.dataset import Dataset
from flowgolf.model.gpt import GPT
from flowgolf.train import trainer as trainer_module
from flowgolf.train.groups import optimizers
from flowgolf.train.schedule import rate_in_share
from flowgolf.train.settings import TrainSettings
from flowgolf.train.trainer import Trainer
from trainings import LABEL, result, run

LOOP = {"start": 0, "end": 1, "repeats": 1, "from_fraction": 0.35}


@pytest.fixture
def looped(model_settings):
    """The model with both blocks in a loop."""
    return type(model_settings).model_validate({**model_settings.model_dump(), "recurrence": LOOP})


@pytest.fixture
def trainer_of(data_json, model_settings, settings):
    """A trainer with some settings changed."""

    def build(model=model_settings, seed=7, **changes):
        changed = TrainSettings.model_validate({**settings.model_dump(), **changes})
        return Trainer(model, changed, LABEL, seed, Dataset.open(data_json))

    return build


def test_a_training_loops_from_its_fraction_on_and_its_validations_with_it(trainer_of, looped):
    trainer = trainer_of(looped)
    seen = []
    while not trainer.finished():
        trainer.validate()
        validated = trainer.model.looping
        trainer.take_step()
        seen.append((validated, trainer.model.looping))
    assert seen == [(False, False)] * 7 + [(True, True)] * 13


def test_what_is_left_at_the_end_loops_even_if_no_step_did(trainer_of, looped):
    never = type(looped).model_validate({**looped.model_dump(), "recurrence": {**LOOP, "from_fraction": 1.0}})
    trainer = trainer_of(never)
    while not trainer.finished():
        trainer.take_step()
        assert not trainer.model.looping
    trainer.validate()
    assert trainer.model.looping


def test_under_a_cap_the_recurrence_begins_with_the_time(trainer_of, looped):
    trainer = trainer_of(looped, max_seconds=110.0, export_reserve_seconds=10.0)
    for seconds, looping in ((34.0, False), (36.0, True)):
        trainer.elapsed_seconds = seconds
        assert trainer.looping == looping


def test_a_killed_training_with_recurrence_and_shuffled_order_ends_with_the_same_bytes(
    tmp_path, data_json, looped, settings, monkeypatch
):
    settings = settings.model_copy(update={"order": "shuffled", "min_rate": 0.1, "warmdown_fraction": 0.5})
    run(tmp_path / "calm", data_json, looped, settings)
    take_step = Trainer.take_step

    def dies(trainer):
        if trainer.step == 10:
            raise OSError("the disk is full")
        return take_step(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "take_step", dies)
        with pytest.raises(OSError, match="full"):
            run(tmp_path / "killed", data_json, looped, settings)
    run(tmp_path / "killed", data_json, looped, settings)
    assert result(tmp_path / "calm")[:2] == result(tmp_path / "killed")[:2]
    assert json.loads((tmp_path / "calm" / "run.json").read_text())["flops_per_token"] > 0


def test_the_warm_up_compiles_both_forms_and_the_switch_none(trainer_of, looped):
    plain = {"bigram": None, "smear": False, "value_residual": False, "gated_attention": False, "flow_matcher": None}
    trainer = trainer_of(looped.model_copy(update=plain))
    counter = CompileCounter()
    torch._dynamo.reset()
    trainer.training_loss = torch.compile(trainer.model.training_loss, backend=counter)
    trainer.warm_up(1)
    compiled = counter.frame_count
    assert trainer.step == 0
    while not trainer.finished():
        trainer.take_step()
    assert counter.frame_count == compiled > 0
    assert trainer.model.looping


def test_a_group_has_the_decay_of_its_own_or_that_of_all(model_settings):
    def decays(**changes):
        made = optimizers(GPT(model_settings), TrainSettings(**changes))
        return [group["weight_decay"] for optimizer in made.values() for group in optimizer.param_groups]

    assert decays() == [0.04] * 3
    assert decays(weight_decay=0.1, embedding_decay=0.0) == [0.1, 0.0, 0.1]
    assert decays(matrix_decay=0.095, embedding_decay=0.085, scalar_decay=0.02) == [0.095, 0.085, 0.02]


def test_the_share_of_a_warm_down():
    assert [rate_in_share(fraction, 0.5) for fraction in (0.0, 0.49, 0.5, 0.75, 1.0, 1.1)] == [1, 1, 1, 0.5, 0, 0]
    assert [rate_in_share(fraction, 0.25) for fraction in (0.3, 0.75, 0.875, 1.0)] == [1, 1, 0.5, 0]


@pytest.mark.parametrize(
    ("changes", "last"), [({"warmdown_fraction": 0.5}, 0.1), ({"min_rate": 0.3}, 0.3), ({}, 0.125)]
)
def test_the_rate_of_the_last_step(changes, last, trainer_of):
    trainer = trainer_of(**changes)
    trainer.step = 19
    assert trainer.multiplier() == pytest.approx(last)


def test_the_reserve_is_taken_off_the_time_and_the_rates_fall_before_it(
    tmp_path, data_json, model_settings, settings, monkeypatch
):
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) / 100)  # 10 ms a step
    monkeypatch.setattr(trainer_module, "time", clock)
    times = {"max_seconds": 1.0, "export_reserve_seconds": 0.5, "warmdown_fraction": 0.5}
    changed = {**settings.model_dump(), **times, "steps": 100_000}
    run(tmp_path, data_json, model_settings, TrainSettings.model_validate(changed))
    curve = pd.read_csv(tmp_path / "train.csv")
    assert 0.5 <= curve["seconds"].iloc[-1] < 0.52
    assert curve["rate"].iloc[24] == 1
    assert curve["rate"].iloc[-1] < 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"export_reserve_seconds": 12.0}, "export_reserve_seconds: 12.0 is taken off max_seconds, which is null"),
        ({"export_reserve_seconds": 9.0, "max_seconds": 9.0}, "export_reserve_seconds: 9.0 leaves nothing of max_sec"),
    ],
)
def test_time_that_cannot_be_kept_back(changes, message):
    with pytest.raises(ValidationError, match=message):
        TrainSettings(**changes)


def test_a_shuffled_order_feeds_whole_sequences_whatever_shares_the_step(trainer_of):
    one, two = trainer_of(order="shuffled", micro_batches=1), trainer_of(order="shuffled", micro_batches=2)
    for step in (0, 3):
        one.step = two.step = step
        inputs, targets = one.micro_batch(0)
        assert inputs.shape == targets.shape == (4, 16)
        assert torch.equal(inputs[:, 1:], targets[:, :-1])
        assert torch.equal(inputs, torch.cat([two.micro_batch(index)[0] for index in range(2)]))
    tokens = one.data.train.read(0, len(one.data.train)).tolist()
    row = [*inputs[0].tolist(), int(targets[0, -1])]
    assert any(tokens[start : start + 17] == row for start in range(len(tokens)))


def test_a_shuffled_order_follows_the_runs_seed_or_none(trainer_of):
    def first(seed, data_seed):
        return trainer_of(seed=seed, order="shuffled", data_seed=data_seed).micro_batch(0)[0]

    assert not torch.equal(first(7, "run"), first(8, "run"))
    assert torch.equal(first(7, "fixed"), first(8, "fixed"))


@pytest.mark.parametrize(
    ("model", "train", "message"),
    [
        (
            {"document_masks": True, "bos_id": 2},
            {},
            "model.bos_id is 2, but the tokenizer begins a document with 1: doc",
        ),
        ({"gated_smear": {"window": 4}, "bos_id": 2}, {}, "begins a document with 1: gated_smear would not find"),
        ({"smear_across_documents": False, "bos_id": 2}, {}, "with 1: smear_across_documents: false would not"),
        ({"seq_len": 950}, {"order": "shuffled", "batch_tokens": 950, "micro_batches": 1}, "order shuffled needs a"),
    ],
)
def test_data_that_the_record_settings_cannot_use(tmp_path, data_json, model_settings, settings, model, train, message):
    changed = type(model_settings).model_validate({**model_settings.model_dump(), **model})
    with pytest.raises(ValueError, match=message):
        run(tmp_path, data_json, changed, settings.model_copy(update=train))
    assert not list(tmp_path.iterdir())


def test_documents_are_found_by_the_tokenizers_own_token(tmp_path, data_json, model_settings, settings):
    apart = {"document_masks": True, "smear_across_documents": False, "bos_id": 1}
    changed = type(model_settings).model_validate({**model_settings.model_dump(), **apart})
    run(tmp_path, data_json, changed, settings)
    assert (tmp_path / "model.safetensors").exists()
