"""Starts of all parameters (docs/spec/model.md, M16 to M19)."""

import math

import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.initial import Streams, linear_
from flowgolf.model.settings import ModelSettings

CONSTANTS = {
    "bigram.embed.weight": 0,
    "bigram.scale": 0.05,
    "smear.gate": 0,
    "skip_weights": 1,
    "blocks.1.attn_scale": 1,
    "blocks.1.mlp_scale": 1,
    "blocks.1.attn.proj.weight": 0,
    "blocks.1.attn.q_gain": 1.5,
    "blocks.1.attn.vr_lambda": 0.5,
    "blocks.1.attn.attn_gate.weight": 0,
    "blocks.1.attn.attn_gate.bias": 4,
    "blocks.1.mlp.proj.weight": 0,
    "ve_shared.proj.weight": 0,
    "ve_shared.scale": 0.1,
    "ve_layer_scales.0": 1,
    "native_flow.v_in.bias": 0,
    "native_flow.time_proj.0.bias": 0,
    "native_flow.v_out.weight": 0,
    "native_flow.gate": -5,
    "flow_refiner.velocity_net.0.bias": 0,
    "flow_refiner.velocity_net.2.weight": 0,
    "flow_refiner.velocity_net.2.bias": 0,
    "flow_refiner.gate": -5,
    "ttt_refiner.b1": 0,
    "ttt_refiner.ttt_ln_w": 1,
    "ttt_refiner.ttt_ln_b": 0,
    "ttt_refiner.o_proj.weight": 0,
    "ttt_refiner.post_norm.weight": 1,
    "ttt_refiner.post_norm.bias": 0,
    "ttt_refiner.gate": -5,
    "logit_scale": 1,
}
NORMAL_STD = {"tok_emb.weight": 0.005, "ve_shared.embed.weight": 0.01, "ttt_refiner.W1": 0.02}
ORTHOGONAL = [
    "blocks.1.attn.c_q.weight",
    "blocks.1.attn.c_v.weight",
    "blocks.1.mlp.fc.weight",
    "native_flow.v_in.weight",
]


@pytest.fixture(scope="module")
def gpt():
    settings = ModelSettings(
        vocab_size=256, seq_len=32, layers=3, dim=128, heads=4, kv_heads=2, xsa_layers=3,
        bigram={"buckets": 9, "dim": 64}, value_embedding={"dim": 16, "layers": [1]},
        flow_matcher={"hidden_dim": 64}, flow_refiner={}, ttt_linear={}, logit_scale=True,
    )  # fmt: skip
    gpt = GPT(settings)
    gpt.init_weights(0)
    return gpt


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name, gpt):
    assert torch.equal(gpt.state_dict()[name], torch.full_like(gpt.state_dict()[name], CONSTANTS[name]))


def test_residual_mix_takes_x_alone(gpt):
    assert gpt.blocks[2].resid_mix.tolist() == [[1.0] * 128, [0.0] * 128]


@pytest.mark.parametrize("name", NORMAL_STD)
def test_normal_starts(name, gpt):
    assert gpt.state_dict()[name].std().item() == pytest.approx(NORMAL_STD[name], rel=0.05)
    assert abs(gpt.state_dict()[name].mean()) < 0.1 * NORMAL_STD[name]


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_large_linear_weights_are_orthogonal(name, gpt):
    singular = torch.linalg.svdvals(gpt.state_dict()[name])
    torch.testing.assert_close(singular, torch.ones_like(singular), rtol=0, atol=1e-5)


def test_bigram_projection_is_divided_by_the_depth(gpt):
    singular = torch.linalg.svdvals(gpt.bigram.proj.weight)
    torch.testing.assert_close(singular, torch.full_like(singular, 1 / math.sqrt(2 * 3)), rtol=0, atol=1e-5)


def test_many_heads_start_their_gates_by_the_rule():
    gpt = GPT(
        ModelSettings(vocab_size=8, seq_len=8, layers=1, dim=128, heads=64, kv_heads=64, rope_dims=2, xsa_layers=1)
    )
    gpt.init_weights(0)
    singular = torch.linalg.svdvals(gpt.blocks[0].attn.attn_gate.weight)
    torch.testing.assert_close(singular, torch.ones_like(singular), rtol=0, atol=1e-5)


def test_small_linear_weights_start_uniform():
    weight = torch.empty(63, 400)
    linear_(weight, torch.Generator().manual_seed(0))
    assert 0.049 < weight.max() <= 0.05
    assert -0.05 <= weight.min() < -0.049


def test_streams_differ_by_seed_module_and_parameter():
    streams = [Streams(0, "a")("w"), Streams(1, "a")("w"), Streams(0, "b")("w"), Streams(0, "a")("v")]
    assert len({stream.initial_seed() for stream in streams}) == 4
    assert Streams(0, "a")("w").initial_seed() == streams[0].initial_seed()
