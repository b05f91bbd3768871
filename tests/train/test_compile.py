"""What a GPU would do, as far as a CPU can show it."""

import pytest
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.train.trainer import Trainer
from trainings import LABEL


@pytest.fixture
def trainer(data_json, model_settings, settings):
    return Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))


def test_compiled_by_inductor_it_takes_the_same_steps(data_json, model_settings, settings, trainer):
    plain = {"layers": 1, "xsa_layers": 0, "bigram": None, "smear": False, "value_residual": False}
    plain |= {"gated_attention": False, "flow_matcher": None}  # few kernels: the compiler takes seconds for each
    settings = settings.model_copy(update={"micro_batches": 1, "batch_tokens": 32})
    rows = []
    for compiled in (False, True):
        changed = settings.model_copy(update={"compile": compiled})
        trainer = Trainer(model_settings.model_copy(update=plain), changed, LABEL, 7, Dataset.open(data_json))
        assert trainer.compiled == compiled
        rows.append([trainer.take_step() for _ in range(3)])
    for eager, compiled in zip(*rows, strict=True):
        for name in ("train_loss", "grad_norm"):
            assert compiled[name] == pytest.approx(eager[name], abs=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert list(trainer.model.state_dict())[0] == "skip_weights"


def test_nothing_is_compiled_on_a_cpu_unless_asked_for(trainer):
    assert not trainer.compiled


def test_warm_up_steps_leave_no_trace(data_json, model_settings, settings, trainer):
    straight = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    for each in (trainer, straight):
        each.warm_up(3 if each is trainer else 0)
        each.take_step()
        each.warm_up(3 if each is trainer else 0)
        last = each.take_step()
        assert each.step == last["step"] == 2
    for name, weight in straight.model.state_dict().items():
        assert torch.equal(weight, trainer.model.state_dict()[name])
        assert torch.equal(straight.ema.weights[name], trainer.ema.weights[name])
