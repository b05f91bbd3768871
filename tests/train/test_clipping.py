import math

import pytest
import torch

from flowgolf.train.clipping import clip_gradients


def weights_with_gradients(*shapes, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for weight in weights:
        weight.grad = scale * torch.randn(weight.shape, generator=generator)
    return weights


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_equals_torchs_own(scale):
    ours, theirs = (weights_with_gradients((3, 4), (), (7,), scale=scale) for _ in range(2))
    norm = clip_gradients(ours, 0.3)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, 0.3).item(), rel=1e-6)
    for weight, twin in zip(ours, theirs, strict=True):
        torch.testing.assert_close(weight.grad, twin.grad, rtol=1e-6, atol=0)


def test_zero_gradients_and_absent_ones_change_no_bit():
    alone = weights_with_gradients(*[(5, 5)] * 23)
    accompanied = weights_with_gradients(*[(5, 5)] * 23)
    zero, absent = torch.nn.Parameter(torch.zeros(9)), torch.nn.Parameter(torch.zeros(9))
    zero.grad = torch.zeros(9)
    norm = clip_gradients([zero, *accompanied[:4], absent, *accompanied[4:]], 0.3)
    assert norm == clip_gradients(alone, 0.3)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(alone, accompanied, strict=True))
    assert absent.grad is None


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_norm_that_is_not_finite_is_returned(value):
    weights = weights_with_gradients((3,))
    weights[0].grad[1] = value
    assert not math.isfinite(clip_gradients(weights, 0.3))
