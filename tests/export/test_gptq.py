"""GPTQ against the record's own integers, and what it is for: a smaller error of the layer's output."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flowgolf.export import gptq
from flowgolf.export.dequantize import dequantize
from flowgolf.export.pack import output_error
from flowgolf.export.quantize import quantise

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "record_gptq.npz")
WEIGHT, HESSIAN = torch.from_numpy(GOLDEN["weight"]), torch.from_numpy(GOLDEN["hessian"])
DEAD = 5


@pytest.mark.parametrize("bits", [5, 6, 8])
def test_integers_and_scales_are_those_of_the_record(bits: int) -> None:
    """One in 10,000 may differ by one where a tie rounds."""
    quantised = quantise(WEIGHT, bits, clip="spread", k=float(GOLDEN[f"sigmas{bits}"]), hessian=HESSIAN)
    assert np.array_equal(quantised.scale, GOLDEN[f"scale{bits}"])
    difference = np.abs(quantised.q.numpy().astype(int) - GOLDEN[f"q{bits}"])
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= difference.size / 10_000


@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8])
def test_the_error_of_the_output_is_smaller_than_by_rounding(bits: int) -> None:
    errors = {}
    for name, hessian in (("gptq", HESSIAN), ("nearest", None)):
        quantised = quantise(WEIGHT, bits, clip="spread", k=12.85, hessian=hessian)
        assert quantised.q.abs().max() <= 2 ** (bits - 1) - 1
        errors[name] = output_error(WEIGHT, dequantize(quantised.q, quantised.scale), HESSIAN)
    assert errors["gptq"] < 0.75 * errors["nearest"]


def test_the_error_of_the_output_is_that_of_the_products() -> None:
    generator = torch.Generator().manual_seed(6)
    inputs, weight, stored = (torch.randn(shape, generator=generator) for shape in ((50, 7), (2, 3, 7), (2, 3, 7)))
    expected = ((weight - stored) @ inputs.T).square().sum() / (weight @ inputs.T).square().sum()
    assert output_error(weight, stored, inputs.T @ inputs) == pytest.approx(float(expected), rel=1e-5)
    assert output_error(torch.zeros(3, 7), stored[0], inputs.T @ inputs) == 0.0


def test_the_width_of_blocks_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = quantise(WEIGHT, 6, clip="spread", k=12.85).scale
    whole = gptq.gptq(WEIGHT, scale, 6, HESSIAN)
    monkeypatch.setattr(gptq, "BLOCK_COLUMNS", 48)
    assert (gptq.gptq(WEIGHT, scale, 6, HESSIAN) != whole).float().mean() <= 1e-3


def test_a_dead_column_is_zero_and_disturbs_no_other() -> None:
    scale = quantise(WEIGHT, 6, clip="spread", k=12.85).scale
    assert HESSIAN[DEAD, DEAD] == 0
    q = gptq.gptq(WEIGHT, scale, 6, HESSIAN)
    other = WEIGHT.clone()
    other[:, DEAD] = 100.0
    assert not q[:, DEAD].any()
    assert torch.equal(gptq.gptq(other, scale, 6, HESSIAN), q)


def test_inputs_that_do_not_depend_on_each_other_leave_rounding_alone() -> None:
    scale = quantise(WEIGHT, 6, clip="spread", k=12.85).scale
    nearest = quantise(WEIGHT, 6, clip="spread", k=12.85).q
    assert torch.equal(gptq.gptq(WEIGHT, scale, 6, torch.eye(WEIGHT.shape[1])), nearest)


def test_a_hessian_that_is_none_is_refused() -> None:
    scale = quantise(WEIGHT, 6, clip="spread", k=12.85).scale
    with pytest.raises(ValueError, match="the Hessian of 160 inputs has no Cholesky factor"):
        gptq.gptq(WEIGHT, scale, 6, torch.full((160, 160), torch.nan))
