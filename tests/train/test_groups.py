import math

import pytest
import torch
from pydantic import ValidationError

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.train import registry
from flowgolf.train.groups import optimizers, set_rates, tensor_facts
from flowgolf.train.settings import TrainSettings

MEMBERS = {
    "blocks.0.attn.c_q.weight": "matrices",
    "blocks.0.attn.c_k.weight": "matrices",
    "blocks.0.attn.c_v.weight": "matrices",
    "blocks.0.attn.proj.weight": "matrices",
    "blocks.0.mlp.fc.weight": "matrices",
    "blocks.0.mlp.proj.weight": "matrices",
    "bigram.proj.weight": "matrices",
    "tok_emb.weight": "embeddings",
    "lm_head.weight": "embeddings",
    "bigram.embed.weight": "embeddings",
    "ve_shared.embed.weight": "embeddings",
    "blocks.0.attn.attn_gate.weight": "rest",
    "blocks.0.attn.attn_gate.bias": "rest",
    "blocks.0.resid_mix": "rest",
    "blocks.0.attn_scale": "rest",
    "blocks.0.mlp_scale": "rest",
    "blocks.0.attn.q_gain": "rest",
    "blocks.0.attn.vr_lambda": "rest",
    "skip_weights": "rest",
    "smear.gate": "rest",
    "bigram.scale": "rest",
    "logit_scale": "rest",
    "ve_shared.proj.weight": "rest",
    "ve_shared.scale": "rest",
    "ve_layer_scales.0": "rest",
}
PARTS = ("native_flow.", "flow_refiner.", "ttt_refiner.")  # all of theirs: the rest


@pytest.fixture(scope="module")
def gpt():
    return GPT(
        ModelSettings(
            vocab_size=64, seq_len=32, layers=2, dim=32, heads=4, kv_heads=2, rope_dims=4, xsa_layers=2,
            tied_head=False, value_embedding={"dim": 8, "layers": [1]}, flow_matcher={"hidden_dim": 8}, flow_refiner={},
            ttt_linear={}, logit_scale=True, bigram={"buckets": 8, "dim": 8},
        )
    )  # fmt: skip


def test_members_of_each_group(gpt):
    for name, facts in tensor_facts(gpt, TrainSettings()).items():
        expected = "rest" if name.startswith(PARTS) else MEMBERS[name.replace("blocks.1.", "blocks.0.")]
        assert facts["group"] == expected, name
        assert facts["optimizer"] == ("muon" if expected == "matrices" else "adamw"), name


def test_every_parameter_has_one_optimiser_and_its_rate(gpt):
    muon, adamw = optimizers(gpt, TrainSettings()).values()
    groups = [*muon.param_groups, *adamw.param_groups]
    ids = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(ids) == sorted(id(weight) for weight in gpt.parameters())
    assert [group["lr"] for group in groups] == [0.025, 0.035, 0.025]
    assert [group["weight_decay"] for group in groups] == [0.04] * 3
    assert all(group["betas"] == (0.9, 0.95) and group["eps"] == 1e-8 for group in adamw.param_groups)


def test_rates_scale_the_full_ones(gpt):
    settings = TrainSettings(matrix_lr=0.2, embedding_lr=0.4, scalar_lr=0.8, muon_momentum_warmup_steps=10)
    made = optimizers(gpt, settings)
    for step, multiplier in ((3, 0.5), (5, 0.25)):
        figures = set_rates(made, settings, step, multiplier)
    groups = [group for optimizer in made.values() for group in optimizer.param_groups]
    assert [group["lr"] for group in groups] == [0.05, 0.1, 0.2]
    assert figures == {"momentum": pytest.approx((0.92 + 0.99) / 2)}


def test_a_schedule_is_its_optimisers_own(gpt):
    """Muon's momentum reaches Muon's groups and no others, whichever groups those are."""
    settings = TrainSettings(matrix_optimizer="adamw", embedding_optimizer="muon")
    made = optimizers(gpt, settings)
    assert set_rates(made, settings, 0, 1.0) == {"momentum": 0.92}
    assert [group["lr"] for group in made["adamw"].param_groups] == [0.025, 0.025]
    assert [group["lr"] for group in made["muon"].param_groups] == [0.035]
    assert made["muon"].param_groups[0]["momentum"] == 0.92
    assert not any("momentum" in group for group in made["adamw"].param_groups)


def test_without_muon_nothing_has_a_momentum(gpt):
    settings = TrainSettings(matrix_optimizer="adamw")
    made = optimizers(gpt, settings)
    assert list(made) == ["adamw"]
    assert set_rates(made, settings, 0, 0.5) == {}


def test_an_unknown_optimiser_is_refused():
    known = ", ".join(registry.names())
    with pytest.raises(ValidationError, match=f"scalar_optimizer: 'sgd' is no optimiser; there are {known}"):
        TrainSettings(scalar_optimizer="sgd")


def test_muon_for_what_is_no_matrix_is_refused(gpt):
    with pytest.raises(ValueError, match=r"Muon updates matrices only, got a parameter of shape \(\)"):
        optimizers(gpt, TrainSettings(scalar_optimizer="muon"))


def test_adamw_follows_the_written_out_formula(gpt):
    gpt.init_weights(0)
    adamw = optimizers(gpt, TrainSettings(scalar_lr=0.03, weight_decay=0.1))["adamw"]
    weight = gpt.skip_weights
    expected = weight.detach().double()
    first, second = torch.zeros_like(expected), torch.zeros_like(expected)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 5):
        weight.grad = torch.randn(weight.shape, generator=generator)
        gradient = weight.grad.double()
        first = 0.9 * first + 0.1 * gradient
        second = 0.95 * second + 0.05 * gradient**2
        expected = expected * (1 - 0.03 * 0.1)
        rate = 0.03 * math.sqrt(1 - 0.95**step) / (1 - 0.9**step)
        expected = expected - rate * first / (second.sqrt() + 1e-8 * math.sqrt(1 - 0.95**step))
        adamw.step()
        torch.testing.assert_close(weight.detach().double(), expected, rtol=0, atol=1e-6)


def test_fused_adamw_equals_torchs_plain_loop(gpt):
    gpt.init_weights(0)
    adamw = optimizers(gpt, TrainSettings())["adamw"]
    weights = [weight for group in adamw.param_groups for weight in group["params"]]
    copies = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
    embeddings = len(adamw.param_groups[0]["params"])
    groups = [{"params": copies[:embeddings], "lr": 0.035}, {"params": copies[embeddings:], "lr": 0.025}]
    plain = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.04, foreach=False)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        for weight, twin in zip(weights, copies, strict=True):
            weight.grad = torch.randn(weight.shape, generator=generator)
            twin.grad = weight.grad.clone()
        adamw.step()
        plain.step()
    for weight, twin in zip(weights, copies, strict=True):
        torch.testing.assert_close(weight, twin, rtol=0, atol=1e-6)
