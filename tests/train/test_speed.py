"""What counts as arithmetic: factors of matrix products, and nothing that is looked up or scales element by element."""

import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.train import speed
from flowgolf.train.settings import TrainSettings
from flowgolf.train.speed import flops_per_token, product_flops_per_second, product_seconds, speed_record

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


def test_the_yardstick_of_a_gpu_is_large_and_the_best_time_counts(monkeypatch):
    assert speed.PRODUCT_SIDES["cuda"] >= 8192
    monkeypatch.setitem(speed.PRODUCT_SIDES, "cpu", 64)
    times = iter([9.0, 2.0, 4.0, 3.0])
    monkeypatch.setattr(speed, "product_seconds", lambda left: next(times) if left.shape == (64, 64) else None)
    assert product_flops_per_second(torch.device("cpu"), torch.float32) == 2 * 64**3 / 2.0


def test_a_product_takes_the_time_that_it_takes():
    large, small = torch.ones(700, 700), torch.ones(2, 2)
    assert product_seconds(large) > product_seconds(small) > 0


def test_a_utilisation_above_one_is_told(monkeypatch, capsys):
    gpt = GPT(ModelSettings(**SIZES, xsa_layers=0))
    monkeypatch.setattr(speed, "product_flops_per_second", lambda *_: 1.0)
    record = speed_record(gpt, TrainSettings(), steps=1, elapsed_seconds=1.0, memory_bytes=1)
    assert record["model_flops_utilisation"] > 1
    assert "is above 1: the yardstick was measured on a busy or throttled device" in capsys.readouterr().err
    monkeypatch.setattr(speed, "product_flops_per_second", lambda *_: 1e30)
    speed_record(gpt, TrainSettings(), steps=1, elapsed_seconds=1.0, memory_bytes=1)
    assert not capsys.readouterr().err
