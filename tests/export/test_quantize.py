"""Integers and scales of the published script, to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flowgolf.export.dequantize import dequantize
from flowgolf.export.quantize import kind_of, quantise, row_quantile
from flowgolf.model.roles import Storage

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
        quantised = quantise(weight, 5, clip=clip)
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
    assert kind_of(storage, num_elements, passthrough_max_elements=64) == kind
