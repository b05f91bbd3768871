"""Integers and scales of the published script, to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flowgolf.export.dequantize import dequantize
from flowgolf.export.quantize import kind_of, quantise, quantize_int8, quantize_rows, row_quantile

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "quantize.npz")
WEIGHT = torch.from_numpy(GOLDEN["weight"])


@pytest.mark.parametrize("bits", [5, 6])
def test_rows_equal_the_published_integers_and_scales(bits: int) -> None:
    q, scale = quantize_rows(WEIGHT, bits)
    assert np.array_equal(q, GOLDEN[f"int{bits}_q"])
    assert np.array_equal(scale, GOLDEN[f"int{bits}_scale"])


def test_int8_equals_the_published_integers_and_scales() -> None:
    q, scale = quantize_int8(WEIGHT)
    assert np.array_equal(q, GOLDEN["int8_q"])
    assert np.array_equal(scale, GOLDEN["int8_scale"])


def test_dequantised_weights_are_exact_products() -> None:
    q, scale = quantize_rows(WEIGHT, 6)
    exact = q.double() * scale.double()[:, None]
    assert torch.equal(dequantize(q, scale).double(), exact)


@pytest.mark.parametrize("bits", [5, 6, 8])
def test_without_the_floor_small_rows_keep_their_precision(bits: int) -> None:
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(0)) * 1e-3
    with_floor, without = (quantise(weight, bits, scale_floor=floor) for floor in (True, False))
    assert not with_floor.q.any()
    assert without.q.abs().amax(dim=1).min() >= 2 ** (bits - 1) - 2
    assert torch.allclose(dequantize(without.q, without.scale), weight, atol=2e-3 / 2 ** (bits - 2))


@pytest.mark.parametrize("bits", [5, 6, 8])
def test_a_zero_row_without_the_floor_stays_zero(bits: int) -> None:
    quantised = quantise(torch.zeros(2, 8), bits, scale_floor=False)
    assert (quantised.scale > 0).all()
    assert not dequantize(quantised.q, quantised.scale).any()


def test_clip_search_never_loses_to_the_maximum_and_wins_on_an_outlier() -> None:
    weight = torch.randn(6, 2000, generator=torch.Generator().manual_seed(1))
    weight[0, 7] = 9.0
    errors = {}
    for clip in ("max", "search"):
        q, scale = quantize_rows(weight, 5, clip=clip)
        errors[clip] = (weight - dequantize(q, scale)).square().sum(dim=1)
    assert (errors["search"] <= errors["max"]).all()
    assert errors["search"][0] < 0.9 * errors["max"][0]


@pytest.mark.parametrize("columns", [1, 2, 48, 512, 1536])
@pytest.mark.parametrize("quantile", [0.3, 0.999, 0.9999984, 1.0])
def test_row_quantile_is_that_of_torch(columns: int, quantile: float) -> None:
    rows = torch.randn(50, columns, generator=torch.Generator().manual_seed(2)).abs()
    expected = torch.quantile(rows, quantile, dim=1)
    torch.testing.assert_close(row_quantile(rows.sort(dim=1).values, quantile), expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("blocks.0.mlp.fc.weight", (8, 8), "float16"),
        ("blocks.0.mlp.fc.weight", (8, 9), "int6"),
        ("blocks.10.attn.c_q.weight", (9, 9), "int6"),
        ("blocks.0.attn.attn_gate.weight", (9, 9), "float32"),
        ("skip_weights", (9, 9), "float32"),
        ("tok_emb.weight", (9, 9), "int8"),
        ("bigram.proj.weight", (9, 9), "int8"),
        ("native_flow.v_in.bias", (81,), "int8"),
        ("ttt_refiner.W1", (3, 5, 5), "int8"),
    ],
)
def test_storage_follows_name_and_size(name: str, shape: tuple[int, ...], kind: str) -> None:
    assert kind_of(name, torch.zeros(shape), passthrough_max_elements=64) == kind
