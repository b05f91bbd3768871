"""Written-out gradients against finite differences, in float64; values against torch's own functions."""

import pytest
import torch
from torch.nn import functional as F

from flowgolf.model.attention import Rotary
from flowgolf.model.fused import NormRotate, RemoveOwnValue, RMSNorm, SquaredLeakyReLU, rms_norm


@pytest.fixture
def normal():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def tables():
    return tuple(table.double() for table in Rotary(8, 4, 6)(5, torch.device("cpu")))


def test_rms_norm(normal):
    x = normal(2, 3, 8)
    torch.testing.assert_close(RMSNorm.apply(x, x.dtype), F.rms_norm(x, (8,)))
    assert torch.autograd.gradcheck(RMSNorm.apply, (x, x.dtype))


@pytest.mark.parametrize("with_gain", [True, False])
def test_normalised_and_rotated_heads(with_gain, normal, tables):
    x, gain = normal(2, 5, 3, 6), normal(3) if with_gain else None
    out = NormRotate.apply(x, gain, *tables)
    scaled = out.norm(dim=-1) if gain is None else out.norm(dim=-1) / gain.abs()
    torch.testing.assert_close(scaled, torch.full_like(scaled, 6**0.5))
    assert torch.autograd.gradcheck(lambda x, gain: NormRotate.apply(x, gain, *tables), (x, gain))


def test_own_value_removed(normal):
    y, v = normal(2, 3, 2, 5), normal(2, 3, 2, 5)
    direction = F.normalize(v, dim=-1)
    torch.testing.assert_close(RemoveOwnValue.apply(y, v), y - (y * direction).sum(-1, keepdim=True) * direction)
    assert torch.autograd.gradcheck(RemoveOwnValue.apply, (y, v))


def test_squared_leaky_relu(normal):
    x = normal(4, 7)
    torch.testing.assert_close(SquaredLeakyReLU.apply(x), F.leaky_relu(x, 0.5).square())
    assert torch.autograd.gradcheck(SquaredLeakyReLU.apply, x)


def test_half_precision_stays_half_precision(normal, tables):
    x = normal(2, 5, 3, 6).detach().bfloat16().requires_grad_()
    half = tuple(table.float() for table in tables)
    for out in (rms_norm(x), NormRotate.apply(x, torch.ones(3), *half), RemoveOwnValue.apply(x, x.detach())):
        assert out.dtype == torch.bfloat16
        (gradient,) = torch.autograd.grad(out.float().square().sum(), x)
        assert gradient.dtype == torch.bfloat16
