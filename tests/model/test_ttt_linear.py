from types import SimpleNamespace

import pytest
import torch

from flowgolf.model.initial import Streams
from flowgolf.model.parts.ttt_linear import TTTLinear, TTTLinearSettings


@pytest.fixture
def refiner():
    refiner = TTTLinear(TTTLinearSettings(heads=2, mini_batch=4, base_lr=0.7), SimpleNamespace(dim=12))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in refiner.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.4)
    return refiner


def one_head(refiner, x, head):
    """The primal form, position by position: W after the steps of the mini-batch so far, gradients at its start."""
    columns = slice(head * 6, (head + 1) * 6)
    keys, values, queries = (getattr(refiner, f"theta_{name}")(x)[:, columns].double() for name in ("K", "V", "Q"))
    weight, bias = refiner.W1[head].double(), refiner.b1[head].double()
    gain, shift = refiner.ttt_ln_w[head].double(), refiner.ttt_ln_b[head].double()
    outputs = []
    for first in range(0, len(x), 4):
        start_weight, start_bias = weight, bias
        for position in range(first, first + 4):
            z = (keys[position] @ start_weight + start_bias).detach().requires_grad_()
            fit = torch.nn.functional.layer_norm(z, (6,), gain, shift, eps=1e-6)
            (gradient,) = torch.autograd.grad(0.5 * (fit - (values - keys)[position]).square().sum(), z)
            weight = weight - refiner.eta * torch.outer(keys[position], gradient[0])
            bias = bias - refiner.eta * gradient
            read = queries[position] @ weight + bias
            outputs.append(queries[position] + torch.nn.functional.layer_norm(read, (6,), gain, shift, eps=1e-6)[0])
    return torch.stack(outputs)


def test_dual_form_equals_one_gradient_step_a_position(refiner):
    x = torch.randn(1, 12, 12, generator=torch.Generator().manual_seed(1))
    heads = torch.cat([one_head(refiner, x[0], head) for head in range(2)], dim=-1).float()
    expected = torch.sigmoid(refiner.gate) * refiner.o_proj(refiner.post_norm(heads))
    torch.testing.assert_close(refiner(x)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("time", "read"), [(12, 12), (11, 8), (4, 4), (3, 0)])
def test_a_tail_shorter_than_a_mini_batch_gets_zero(refiner, time, read):
    x = torch.randn(2, time, 12, generator=torch.Generator().manual_seed(1))
    correction = refiner(x)
    assert correction.shape == x.shape
    assert (correction[:, read:] == 0).all()
    assert (correction[:, :read] != 0).all()


def test_starts_as_no_correction():
    refiner = TTTLinear(TTTLinearSettings(heads=2, mini_batch=4), SimpleNamespace(dim=64))
    with torch.no_grad():
        refiner.start(Streams(0, "ttt_refiner"))
    assert refiner(torch.randn(1, 8, 64)).abs().max() == 0
    assert refiner.W1.std().item() == pytest.approx(0.02, rel=0.1)
    singular = torch.linalg.svdvals(refiner.theta_K.weight)
    torch.testing.assert_close(singular, torch.ones_like(singular), rtol=0, atol=1e-5)
