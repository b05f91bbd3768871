"""What counts as arithmetic: factors of matrix products, and nothing that is looked up or scales element by element."""

import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.train.speed import flops_per_token

SIZES = {"vocab_size": 50, "seq_len": 8, "layers": 3, "dim": 16, "heads": 2, "kv_heads": 1, "rope_dims": 2}
ATTENTION, MLP, HEAD = 3 * (16 * 16 * 2 + 16 * 8 * 2), 3 * 2 * 3 * 16 * 16, 50 * 16
SCORES = 12 * 3 * 16 * 8


@pytest.mark.parametrize(
    ("parts", "products"),
    [
        ({}, 0),
        ({"tied_head": False}, 0),
        ({"smear": True, "logit_scale": True, "value_residual": True}, 0),
        ({"gated_attention": True}, 3 * 2 * 16),
        ({"bigram": {"buckets": 64, "dim": 4}}, 4 * 16),
        ({"value_embedding": {"dim": 4, "layers": [1]}}, 4 * 8),
        ({"flow_matcher": {"hidden_dim": 5}}, 3 * 5 * 16),
        ({"flow_refiner": {"latent_dim": 4, "hidden_dim": 6}}, 2 * 4 * 16 + 2 * 4 * 6),
        ({"ttt_linear": {"heads": 4, "mini_batch": 4}}, 4 * 16 * 16 + 4 * 4 * 4),
    ],
)
def test_six_a_weight_of_a_product_and_the_scores_of_attention(parts, products):
    off = {"smear": False, "gated_attention": False, "value_residual": False, "bigram": None, "xsa_layers": 0}
    with torch.device("meta"):
        gpt = GPT(ModelSettings(**{**SIZES, **off, **parts}))
    assert flops_per_token(gpt) == 6 * (ATTENTION + MLP + HEAD + products) + SCORES
