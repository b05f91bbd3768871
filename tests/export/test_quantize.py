"""Integers and scales of the published script, to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from flowgolf.export.dequantize import dequantize
from flowgolf.export.kinds import ATTENTION, MLP, Grid, grid_of, kind_of, planned_bits
from flowgolf.export.quantize import SMALLEST_HALF, quantise, row_quantile
from flowgolf.export.settings import ExportSettings
from flowgolf.model.attention import Attention
from flowgolf.model.mlp import MLP as MLPModule
from flowgolf.model.roles import Storage, Stored

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "quantize.npz")
WEIGHT = torch.from_numpy(GOLDEN["weight"])


@pytest.mark.parametrize("bits", [5, 6, 8])
def test_rows_equal_the_published_integers_and_scales(bits: int) -> None:
    quantised = quantise(WEIGHT, bits)
    assert np.array_equal(quantised.q, GOLDEN[f"int{bits}_q"])
    assert np.array_equal(quantised.scale, GOLDEN[f"int{bits}_scale"])


def test_dequantised_weights_are_exact_products() -> None:
    quantised = quantise(WEIGHT, 6)
    exact = quantised.q.double() * quantised.scale.double()[:, None]
    assert torch.equal(dequantize(quantised.q, quantised.scale).double(), exact)


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
        quantised = quantise(weight, 5, clip=json.loads(f'"{clip}"'))  # a word as files give it
        errors[clip] = (weight - dequantize(quantised.q, quantised.scale)).square().sum(dim=1)
    assert (errors["search"] <= errors["max"]).all()
    assert errors["search"][0] < 0.9 * errors["max"][0]


@pytest.mark.parametrize("columns", [1, 2, 48, 512, 1536])
@pytest.mark.parametrize("quantile", [0.3, 0.999, 0.9999984, 1.0])
def test_row_quantile_is_that_of_torch(columns: int, quantile: float) -> None:
    rows = torch.randn(50, columns, generator=torch.Generator().manual_seed(2)).abs()
    expected = torch.quantile(rows, quantile, dim=1)
    torch.testing.assert_close(row_quantile(rows.sort(dim=1).values, quantile), expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize(
    ("storage", "num_elements", "kind"),
    [
        ("block", 64, "float16"),
        ("block", 65, "int6"),
        ("control", 64, "float16"),
        ("control", 65, "float32"),
        ("int8", 64, "float16"),
        ("int8", 65, "int8"),
    ],
)
def test_storage_follows_role_and_size(storage: Storage, num_elements: int, kind: str) -> None:
    assert kind_of(Stored(storage, "any", None), num_elements, ExportSettings(passthrough_max_elements=64)) == kind


def test_each_kind_of_tensor_has_bits_and_a_clip_of_its_own() -> None:
    settings = ExportSettings(matrix_bits=5, attention_bits=7, mlp_k=9.0, embedding_bits=4, embedding_k=3.0)
    grids = [
        grid_of(Stored(storage, label, 0), settings)
        for storage, label in (("block", ATTENTION), ("block", MLP), ("block", "other"), ("int8", "token embedding"))
    ]
    assert grids == [Grid(7, 12.85), Grid(5, 9.0), Grid(5, 12.85), Grid(4, 3.0)]
    assert (Attention.label, MLPModule.label) == (ATTENTION, MLP)


@pytest.mark.parametrize(("own", "planned", "bits"), [(7, 6, 7), (7, 5, 5), (4, 5, 4), (6, 8, 8), (8, 7, 8)])
def test_a_plan_of_fewer_bits_lowers_and_one_of_more_raises(own: int, planned: int, bits: int) -> None:
    assert planned_bits(own, planned, matrix_bits=6) == bits


@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8])
def test_spread_clips_at_k_standard_deviations_on_a_grid_of_float16(bits: int) -> None:
    weight = torch.randn(8, 400, generator=torch.Generator().manual_seed(3))
    quantised = quantise(weight, bits, clip="spread", k=1.5)
    largest = 2 ** (bits - 1) - 1
    assert torch.equal(quantised.scale, (1.5 * weight.std(dim=1, correction=1) / largest).half())
    assert (int(quantised.q.min()), int(quantised.q.max())) == (-largest, largest)
    inside = weight.abs() < quantised.clip[:, None]
    error = (weight - dequantize(quantised.q, quantised.scale)).abs()
    assert (error <= quantised.scale.float()[:, None] * 0.50001)[inside].all()


def test_a_row_without_spread_is_stored_as_zeros_with_and_without_gptq() -> None:
    weight = torch.randn(3, 16, generator=torch.Generator().manual_seed(4))
    weight[1] = 2e-9 * weight[1]
    for hessian in (None, torch.eye(16)):
        quantised = quantise(weight, 6, clip="spread", k=12.85, hessian=hessian)
        assert not quantised.q[1].any()
        assert float(quantised.scale[1]) == SMALLEST_HALF
        assert quantised.q[0].any()


def test_rows_of_one_weight_have_no_spread() -> None:
    with pytest.raises(ValueError, match="clip `spread` needs rows of two weights or more, one weight has no spread"):
        quantise(torch.ones(4, 1), 6, clip="spread", k=3.0)
