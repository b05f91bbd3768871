"""What a GPU would do, as far as a CPU can show it."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from bfloat16 import gpu_arithmetic
from flowgolf.data.dataset import Dataset
from flowgolf.export.settings import ExportSettings
from flowgolf.train.trainer import Trainer
from trainings import LABEL


@pytest.fixture
def trainer(data_json, model_settings, settings):
    return Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))


def test_compiled_by_inductor_it_takes_the_same_steps_those_with_rounding_too(data_json, model_settings, settings):
    plain = {"layers": 1, "xsa_layers": 0, "bigram": None, "smear": False, "value_residual": False}
    plain |= {"gated_attention": False, "flow_matcher": None}  # few kernels: the compiler takes seconds for each
    changes = {"micro_batches": 1, "batch_tokens": 32, "steps": 3, "warmdown_steps": 2}  # factors 1, 1, 0.5
    grid = ExportSettings(passthrough_max_elements=100, matrix_bits=4).grid.model_dump(mode="json")
    rows = {}
    for compiled, below in ((False, None), (False, 0.6), (True, 0.6)):
        changed = settings.model_copy(update={**changes, "compile": compiled, "qat_below": below})
        model, data = model_settings.model_copy(update=plain), Dataset.open(data_json)
        trainer = Trainer(model, changed, LABEL, 7, data, grid=grid)
        assert trainer.compiled == compiled
        rows[compiled, below] = [trainer.take_step() for _ in range(3)]
    for eager, compiled in zip(rows[False, 0.6], rows[True, 0.6], strict=True):
        for name in ("train_loss", "grad_norm"):
            assert compiled[name] == pytest.approx(eager[name], abs=1e-4)
    unrounded, rounded = (rows[key][2]["train_loss"] for key in ((False, None), (True, 0.6)))
    assert abs(rounded - unrounded) > 2e-3  # nothing is folded away
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert list(trainer.model.state_dict())[0] == "skip_weights"


def test_nothing_is_compiled_on_a_cpu_unless_asked_for(trainer):
    assert not trainer.compiled


@pytest.mark.parametrize(("steps", "warmdown_steps"), [(2, 1), (10, 0), (3, 3)])
def test_the_warm_up_stays_at_its_point_of_the_schedule(
    data_json, model_settings, settings, steps, warmdown_steps, monkeypatch
):
    changes = {"steps": steps, "warmdown_steps": warmdown_steps}
    trainer = Trainer(model_settings, settings.model_copy(update=changes), LABEL, 7, Dataset.open(data_json))
    trainer.take_step()
    seen, take_step, rate = [], Trainer.take_step, trainer.multiplier()
    monkeypatch.setattr(Trainer, "take_step", lambda *given: seen.append(take_step(*given)) or seen[-1])
    trainer.warm_up(20)
    assert [(row["step"], row["rate"]) for row in seen] == [(2, rate)] * 20
    assert 0 < rate <= 1


ARMS = {
    "base": {},
    "nfm": {"flow_matcher": {"hidden_dim": 8}},
    "refiner": {"flow_refiner": {"latent_dim": 4, "hidden_dim": 8}},
    "logit scale": {"logit_scale": True},
    "TTT-linear": {"ttt_linear": {"heads": 2, "mini_batch": 4}},
    "both": {"flow_matcher": {"hidden_dim": 8}, "flow_refiner": {"latent_dim": 4, "hidden_dim": 8}},
}


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_is_one_graph_without_a_break_also_under_autocast(data_json, model_settings, settings, arm):
    model = type(model_settings).model_validate({**model_settings.model_dump(), "flow_matcher": None, **ARMS[arm]})
    settings = settings.model_copy(update={"compile": True})
    torch._dynamo.reset()
    counter = CompileCounter()
    with gpu_arithmetic():
        trainer = Trainer(model, settings, LABEL, 7, Dataset.open(data_json))
        trainer.training_loss = torch.compile(trainer.model.training_loss, backend=counter, fullgraph=True)
        trainer.take_step()
        trainer.take_step()
    assert counter.frame_count == 1


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
