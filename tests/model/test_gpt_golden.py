"""The model against reference vectors and published parameter counts (docs/spec/model.md, M2 and M3)."""

import numpy as np
import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings

MODELS = [
    "base",
    "xsa2",
    "plain",
    "nfm",
    "flow_refiner",
    "ttt_linear",
    "ttt_linear_flow_refiner",
    "value_embedding",
]
COUNTS = [
    ({}, 27_137_223),
    ({"flow_matcher": {"hidden_dim": 128}}, 27_334_088),
    ({"flow_matcher": {"hidden_dim": 256}}, 27_530_952),
    ({"flow_matcher": {"hidden_dim": 512}}, 27_924_680),
    ({"flow_refiner": {}}, 27_235_848),
    ({"ttt_linear": {}}, 28_221_128),
    ({"ttt_linear": {}, "flow_refiner": {}}, 28_319_753),
]


def worst_gradient(gpt, arrays):
    """Largest deviation over all gradients; absent ones must be absent."""
    worst = 0.0
    weights = dict(gpt.named_parameters())
    assert {f"grad/{name}" for name in weights} == {key for key in arrays if key.startswith("grad/")}
    for name, weight in weights.items():
        expected = arrays[f"grad/{name}"]
        if expected.dtype == object:
            assert weight.grad is None, name
        else:
            worst = max(worst, (weight.grad - torch.from_numpy(expected)).abs().max().item())
    return worst


@pytest.mark.parametrize("name", MODELS)
def test_logits_and_loss(name, golden, golden_gpt, logits_of):
    arrays, gpt = golden(f"model_{name}"), golden_gpt(name)
    inputs, targets = torch.from_numpy(arrays["input_ids"]), torch.from_numpy(arrays["target_ids"])
    logits, losses = logits_of(gpt, inputs).detach(), gpt.token_losses(inputs, targets).detach()
    np.testing.assert_allclose(logits, arrays["logits"], rtol=0, atol=1e-5)
    assert losses.shape == targets.shape
    assert losses.dtype == torch.float32
    np.testing.assert_allclose(losses.double().mean(), arrays["loss"], rtol=0, atol=1e-6)
    training = gpt.training_loss(inputs, targets, auxiliary=False)
    np.testing.assert_allclose(training.total.detach(), arrays["loss"], rtol=0, atol=1e-6)


def test_gradients_of_the_base(golden, golden_gpt):
    arrays, gpt = golden("model_base"), golden_gpt("base")
    gpt.training_loss(torch.from_numpy(arrays["input_ids"]), torch.from_numpy(arrays["target_ids"])).total.backward()
    assert worst_gradient(gpt, arrays) < 1e-5


def test_training_loss_and_gradients_with_flow_matcher(golden, golden_gpt):
    arrays, gpt = golden("model_nfm"), golden_gpt("nfm")
    given = torch.from_numpy(arrays["cfm_t"]), torch.from_numpy(arrays["cfm_z"])
    inputs, targets = torch.from_numpy(arrays["input_ids"]), torch.from_numpy(arrays["target_ids"])
    loss = gpt.training_loss(inputs, targets, [given])
    np.testing.assert_allclose(loss.total.detach(), arrays["train_loss"], rtol=0, atol=1e-6)
    expected = float(arrays["loss_weight"]) * loss.auxiliary.item() + loss.cross_entropy.item()
    assert loss.total.item() == pytest.approx(expected, abs=1e-6)
    loss.total.backward()
    assert worst_gradient(gpt, arrays) < 1e-5


@pytest.mark.parametrize(
    ("parts", "count"), COUNTS, ids=lambda value: "-".join(value) if isinstance(value, dict) else ""
)
def test_parameter_count(parts, count):
    with torch.device("meta"):
        gpt = GPT(ModelSettings(**parts))
    assert sum(weight.numel() for weight in gpt.parameters()) == count


def test_parameter_count_that_legal_ttt_trains():
    with torch.device("meta"):
        gpt = GPT(ModelSettings(flow_matcher={}))
    frozen = sum(weight.numel() for weight in gpt.blocks[:2].parameters())
    assert frozen == 4_730_916
    assert sum(weight.numel() for weight in gpt.parameters()) - frozen == 22_800_036
