import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from flowgolf.model.initial import Streams
from flowgolf.model.parts.flow_matcher import FlowMatcher, FlowMatcherSettings


def started(dim=64, **settings):
    matcher = FlowMatcher(FlowMatcherSettings(**settings), SimpleNamespace(dim=dim))
    with torch.no_grad():
        matcher.start(Streams(0, "native_flow"))
    return matcher


def test_correction_and_loss_for_given_draws(golden, golden_gpt):
    arrays, matcher = golden("model_nfm"), golden_gpt("nfm").native_flow
    x, t, z = (torch.from_numpy(arrays[f"cfm_{name}"]) for name in ("hidden", "t", "z"))
    np.testing.assert_allclose(matcher.correction(x).detach(), arrays["cfm_correction"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(matcher.loss(x, t, z).detach(), arrays["cfm_loss"], rtol=0, atol=1e-6)


def test_time_features_are_sines_then_cosines():
    matcher = started(dim=6, hidden_dim=4)
    frequencies = [10000 ** (-j / 2) for j in range(3)]
    expected = [math.sin(0.3 * w) for w in frequencies] + [math.cos(0.3 * w) for w in frequencies]
    torch.testing.assert_close(matcher.time_features(torch.tensor([[0.3]])), torch.tensor([[expected]]))
    assert started(dim=2, hidden_dim=4).time_features(torch.zeros(1)).tolist() == [[0.0, 1.0]]


def test_loss_gives_no_gradient_to_the_hidden_state():
    matcher = started(hidden_dim=32)
    x = torch.randn(2, 3, 64, requires_grad=True)
    matcher.loss(x, *matcher.draws(x.shape, torch.Generator().manual_seed(0), x.device)).backward()
    assert x.grad is None
    assert matcher.v_out.weight.grad.abs().max() > 0
    assert matcher.gate.grad is None  # the loss does not see the gate


def test_starts_as_no_correction():
    matcher = started(hidden_dim=32)
    assert matcher.correction(torch.randn(2, 3, 64)).abs().max() == 0
    assert matcher.gate.item() == -5


@pytest.mark.parametrize("hidden_dim", [24, 64, 96])
def test_init_is_what_it_says_at_every_size(hidden_dim):
    orthogonal, normal = (started(hidden_dim=hidden_dim, init=init) for init in ("orthogonal", "normal"))
    for layer in ("v_in.weight", "time_proj.0.weight"):
        singular = torch.linalg.svdvals(orthogonal.get_parameter(layer))
        torch.testing.assert_close(singular, torch.ones_like(singular), rtol=0, atol=1e-5)
        assert normal.get_parameter(layer).std().item() == pytest.approx(0.01, rel=0.1)


def test_draws_follow_the_generator():
    shape = torch.Size((4, 500, 8))
    matcher = started(dim=8, hidden_dim=4)
    t, z = matcher.draws(shape, torch.Generator().manual_seed(0), torch.device("cpu"))
    again = matcher.draws(shape, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert torch.equal(t, again[0])
    assert torch.equal(z, again[1])
    assert t.shape == (4, 500)
    assert 0 <= t.min() < 0.01
    assert 0.99 < t.max() <= 1
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.03


def test_draws_without_a_generator_follow_the_global_stream():
    matcher = started(dim=8, hidden_dim=4)
    torch.manual_seed(0)
    t, _ = matcher.draws(torch.Size((2, 3, 4)), None, torch.device("cpu"))
    torch.manual_seed(0)
    assert torch.equal(t, torch.rand(2, 3))
