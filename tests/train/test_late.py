"""What a GPU does in its own way: figures read late, norms that stay there, tokens staged ahead, states moved."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.resume import StateFolder
from flowgolf.train.batches import Batches, widened
from flowgolf.train.clipping import clip_gradients, clip_on_device
from flowgolf.train.distributed import Ranks
from flowgolf.train.process import go_on
from flowgolf.train.reading import on_cpu
from flowgolf.train.run import check_data
from flowgolf.train.trainer import Trainer
from trainings import LABEL, result, run

CPU = torch.device("cpu")


@pytest.fixture
def trainer_of(data_json, model_settings, settings):
    def build(**changes):
        changed = settings.model_copy(update=changes)
        return Trainer(model_settings, changed, LABEL, 7, Dataset.open(data_json))

    return build


@pytest.fixture
def reading_late(monkeypatch):
    """Trainers that read figures a step late, as on a GPU."""
    build = Trainer.__init__

    def late(trainer, *given):
        build(trainer, *given)
        trainer.late = True

    monkeypatch.setattr(Trainer, "__init__", late)


def test_read_late_the_run_is_the_same(tmp_path, data_json, model_settings, settings, reading_late, monkeypatch):
    settings = settings.model_copy(update={"steps": 6, "warmdown_steps": 2, "tensorboard": False})
    run(tmp_path / "late", data_json, model_settings, settings)
    monkeypatch.undo()
    run(tmp_path / "now", data_json, model_settings, settings)
    assert result(tmp_path / "late")[:2] == result(tmp_path / "now")[:2]


def test_one_step_is_read_while_the_next_is_computed(trainer_of):
    trainer = trainer_of()
    trainer.late = True
    rows = [trainer.take_step() for _ in range(3)]
    assert [row["train_loss"] is None for row in rows] == [False, False, True]
    trainer.validate()
    assert rows[2]["train_loss"] > 0 and rows[2]["cfm_loss"] > 0 and rows[2]["grad_norm"] > 0


def test_read_late_a_loss_that_is_not_finite_is_told_with_its_step_and_never_saved(trainer_of, monkeypatch):
    trainer, gradient = trainer_of(), Trainer.gradient
    trainer.late = True
    monkeypatch.setattr(Trainer, "gradient", lambda each: gradient(each) * (math.nan if each.step == 1 else 1))
    trainer.take_step()
    trainer.take_step()
    with pytest.raises(FloatingPointError, match="not finite at step 2: loss nan"):
        trainer.state()


@pytest.mark.parametrize("scale", [0.0, 1e-3, 5.0])
def test_clipping_on_the_device_is_clipping(scale):
    parameters = [[torch.nn.Parameter(torch.zeros(n, 3)) for n in (2, 5)] for _ in range(2)]
    for row in parameters:
        for weight in row:
            weight.grad = scale * torch.arange(weight.numel(), dtype=torch.float32).view(weight.shape)
    expected = clip_gradients(parameters[0], 0.3)
    norm = clip_on_device([weight.grad for weight in parameters[1]], 0.3)
    assert norm.dtype == torch.float64 and norm.item() == pytest.approx(expected, rel=1e-6)
    for ours, theirs in zip(*parameters, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=0)


@pytest.mark.parametrize("order", ["stream", "shuffled"])
def test_staged_ahead_the_tokens_are_the_same(data_json, model_settings, settings, order, monkeypatch):
    settings = settings.model_copy(update={"order": order})
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    data = Dataset.open(data_json)
    plain, ahead = (Batches(data.train, settings, 16, 7, CPU) for _ in range(2))
    reader = Batches(data.train, settings, 16, 7, torch.device("cuda", 1)).reader
    assert (reader._initializer, reader._initargs) == (torch.cuda.set_device, (torch.device("cuda", 1),))
    ahead.reader = ThreadPoolExecutor(1)
    for number in (0, 1, 2, 5):
        for ours, theirs in zip(ahead.read(number, number + 1), plain.read(number, 0), strict=True):
            assert torch.equal(ours, theirs) and ours.dtype == torch.int64
        assert set(ahead.ahead) == {number + 1}
    ahead.reader.shutdown()


def test_tokens_beyond_the_positive_int16_are_themselves():
    tokens = np.array([0, 1, 32767, 32768, 65535], dtype=np.uint16)
    assert widened(torch.from_numpy(tokens.view("int16"))).tolist() == tokens.tolist()


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_read_next_is_what_comes_next(trainer_of, count):
    for rank in range(count):
        trainer, asked = trainer_of(), []
        trainer.ranks = Ranks(rank, count)
        trainer.batches.read = lambda number, following, asked=asked: asked.append((number, following))
        for trainer.step in range(3):
            for index in trainer.ranks.share(2):
                trainer.micro_batch(index)
        assert [following for _, following in asked[:-1]] == [number for number, _ in asked[1:]]


def test_more_passes_change_no_token_no_draw_and_hardly_a_bit(trainer_of):
    whole, parts = trainer_of(micro_batches=1), trainer_of(micro_batches=1, passes_per_micro_batch=4)
    calls, loss = [], parts.training_loss
    parts.training_loss = lambda *given: calls.append([len(given[0]), *map(len, given[2][0])]) or loss(*given)
    torch.testing.assert_close(parts.gradient(), whole.gradient(), rtol=1e-6, atol=0)
    assert calls == [[1, 1, 1]] * 4
    for (name, ours), theirs in zip(parts.model.named_parameters(), whole.model.parameters(), strict=True):
        assert ours.grad is theirs.grad is None or torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-7), name


@pytest.mark.parametrize(("seed", "kept"), [(5, 5), (2**18 + 5, 2**18 + 5), (2**19 + 5, 5)])
def test_draws_follow_seed_step_and_micro_batch(trainer_of, seed, kept):
    trainer = trainer_of()
    trainer.seed, trainer.step = seed, 3
    assert trainer.draws(1).initial_seed() == kept * 2**44 + 3 * 4096 + 1  # docs/spec/training.md, T9: below 2^63


def test_passes_must_divide_the_rows(data_json, model_settings, settings):
    settings = settings.model_copy(update={"passes_per_micro_batch": 3})
    with pytest.raises(ValueError, match="train.passes_per_micro_batch: 3 does not divide the 2 rows"):
        check_data(model_settings, settings, Dataset.open(data_json))


def test_a_state_goes_on_and_names_no_device(tmp_path, trainer_of):
    trainer, other = trainer_of(), trainer_of()
    trainer.take_step()
    folder = StateFolder(tmp_path, {"seed": 7})
    folder.save(trainer.state())
    data = (tmp_path / "state.pt").read_bytes()
    assert not any(word in data for word in (b"cpu", b"cuda", b"device"))
    go_on(other, folder)
    assert other.step == 1 and other.take_step()["train_loss"] == trainer.take_step()["train_loss"]


def test_processes_read_a_state_one_after_the_other(tmp_path, trainer_of, monkeypatch):
    folder, said = StateFolder(tmp_path, {"seed": 7}), []
    folder.save(trainer_of().state())
    monkeypatch.setattr(Ranks, "wait", lambda ranks, device: said.append("wait"))
    monkeypatch.setattr(Trainer, "restore", lambda trainer, state: said.append("read"))
    orders = []
    for rank in range(2):
        trainer = trainer_of()
        trainer.ranks = Ranks(rank, 2)
        go_on(trainer, folder)
        orders.append(said.copy())
        said.clear()
    assert orders == [["read", "wait", "wait"], ["wait", "read", "wait"]]


def test_a_copy_on_the_cpu_shares_nothing():
    state = {"a": torch.ones(2), "b": [torch.zeros(1), {"c": 3}]}
    copy = on_cpu(state)
    state["a"].zero_()
    assert copy["a"].tolist() == [1, 1] and copy["b"][1] == {"c": 3}
