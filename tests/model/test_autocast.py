"""With autocast turned on: attention, XSA and norms are computed in bfloat16, and the residual stream if asked."""

from types import SimpleNamespace

import pytest
import torch

from flowgolf.model import attention
from flowgolf.model.fused import RemoveOwnValue

NARROW, WIDE = torch.bfloat16, torch.float32
BUSY = {
    "value_residual": True, "gated_attention": True, "xsa_layers": 5, "smear": True, "skip_gates": True,
    "value_embedding": {"dim": 8, "layers": [1, 2]},
}  # fmt: skip


@pytest.fixture
def seen(monkeypatch):
    """Types by the place where they were seen, of a model that is run afterwards."""
    types = {"attention": [], "XSA": [], "after XSA": []}
    plain = attention.causal_attention

    def attend(q, k, v, mask=None):
        types["attention"] += [q.dtype, k.dtype, v.dtype]
        return plain(q, k, v, mask)

    def remove(y, v):
        left = RemoveOwnValue.apply(y, v)
        types["XSA"] += [y.dtype, v.dtype]
        types["after XSA"].append(left.dtype)
        return left

    monkeypatch.setattr(attention, "causal_attention", attend)
    monkeypatch.setattr(attention, "RemoveOwnValue", SimpleNamespace(apply=remove))
    return types


@pytest.fixture
def run(busy_gpt, tiny, token_ids, seen):
    """Train and score a few tokens with a model, under autocast or not; gives its loss and gradients."""

    def step(autocast, **changes):
        model = busy_gpt(tiny(**{**BUSY, **changes}))
        ids = token_ids(2, 21)
        for place, name in (("normed", "attn"), ("normed for MLP", "mlp")):
            for block in model.blocks:
                block.get_submodule(name).register_forward_pre_hook(
                    lambda _, given, place=place: seen.setdefault(place, []).append(given[0].dtype)
                )
        for block in model.blocks:
            block.register_forward_hook(lambda _, __, out: seen.setdefault("stream", []).append(out[0].dtype))
        with torch.autocast("cpu", NARROW, enabled=autocast):
            loss = model.training_loss(ids[:, :-1], ids[:, 1:])
            hidden = model.hidden(ids)
        loss.total.backward()
        seen["final norm"] = [hidden.dtype]
        gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
        assert {gradient.dtype for gradient in gradients.values()} == {WIDE}
        return loss.total.item(), gradients

    return step


@pytest.mark.parametrize("stream", ["float32", "bfloat16"])
def test_under_autocast_attention_xsa_and_norms_are_bfloat16_and_the_stream_as_it_says(run, seen, stream):
    exact, expected = run(False, residual_stream=stream)
    assert set().union(*seen.values()) == {WIDE}
    seen.update({place: [] for place in seen})
    loss, gradients = run(True, residual_stream=stream)
    types = {place: set(found) for place, found in seen.items()}
    assert types.pop("stream") == {getattr(torch, stream)}
    assert set(types) == {"attention", "XSA", "after XSA", "normed", "normed for MLP", "final norm"}
    assert all(found == {NARROW} for found in types.values()), types
    assert loss == pytest.approx(exact, rel=0.01) and loss != exact
    for name, gradient in gradients.items():
        assert (gradient - expected[name]).norm() < 0.15 * expected[name].norm() + 1e-4, name


def test_a_float32_stream_computes_the_same_digits_whatever_the_option_on_a_cpu(run):
    (one, first), (other, second) = (run(False, residual_stream=stream) for stream in ("float32", "bfloat16"))
    assert one == other and all(torch.equal(first[name], second[name]) for name in first)
