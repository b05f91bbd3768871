"""From float weights to small integers, row by row (docs/spec/export.md, X3 to X6, X14 and X15)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowgolf.export.dequantize import as_rows, dequantize
from flowgolf.export.gptq import gptq

INT8_CLIP_QUANTILE = 0.9999984  # docs/spec/export.md, X4: the clip of int8 rows
SEARCH_QUANTILES = (0.999, 0.9995, 0.9999, 0.99999, 1.0)  # "GPTQ-lite": clips tried for each row
SMALLEST_HALF = 2.0**-24  # smallest positive float16: keeps a scale above zero without a floor


@dataclass(frozen=True)
class Quantised:
    """Integers of a tensor and the scale of each row."""

    q: Tensor
    """int8, shape of the tensor."""
    scale: Tensor
    """float16, one per row: (prod of all dimensions but the last,)."""
    clip: Tensor
    """float32, one per row: largest magnitude that the grid was made for."""


def quantise(
    weight: Tensor,
    bits: int,
    scale_floor: bool = True,
    clip: str = "max",
    k: float | None = None,
    hessian: Tensor | None = None,
) -> Quantised:
    """Quantise each row of `weight` (last dimension) to `bits`, 4 to 8.

    `k` is the clip of `spread` in standard deviations. A `hessian` (columns, columns) of the inputs lets GPTQ choose
    the integers; the scales are the same.
    """
    rows = as_rows(weight)
    q, scale, limits = rounded_rows(rows, bits, scale_floor, clip, k)
    if hessian is not None:  # a row of the smallest scale is all but zero, and GPTQ would fill it up
        q = gptq(rows, scale, bits, hessian).where(scale[:, None] > SMALLEST_HALF, q)
    return Quantised(q.view(weight.shape), scale, limits)


def rounded_rows(
    rows: Tensor, bits: int, scale_floor: bool, clip: str, k: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows (rows, columns) float32 rounded to nearest, on their device: integers, float16 scales, float32 clips."""
    if clip == "spread":
        assert k is not None
        return spread_rows(rows, bits, k)
    if bits == 8:
        return int8_rows(rows, scale_floor)
    if clip == "search":
        return searched_rows(rows, bits, scale_floor)
    limits = rows.abs().amax(dim=1)
    return *grid_rows(rows, limits, bits, scale_floor), limits


def spread_rows(rows: Tensor, bits: int, k: float) -> tuple[Tensor, Tensor, Tensor]:
    """Clip at `k` standard deviations of the row; a row whose scale is 0 in float16 is stored as zeros.

    Such a row gets the smallest scale that there is, which a reader takes. ValueError for rows of one weight.
    """
    if rows.shape[1] < 2:
        raise ValueError("clip `spread` needs rows of two weights or more, one weight has no spread")
    largest = 2 ** (bits - 1) - 1
    scale = (k * rows.std(dim=1) / largest).half()
    zero = scale == 0
    scale = scale.masked_fill(zero, SMALLEST_HALF)
    q = (rows / scale.float()[:, None]).round().clamp(-largest, largest).masked_fill(zero[:, None], 0)
    return q.to(torch.int8), scale, scale.float() * largest


def grid_rows(rows: Tensor, limits: Tensor, bits: int, scale_floor: bool) -> tuple[Tensor, Tensor]:
    """Fewer than 8 bits: divide by the scale as float16 holds it, then round half to even."""
    largest = 2 ** (bits - 1) - 1
    scale = (limits / largest).clamp_min(least_scale(largest, scale_floor)).half()
    q = (rows / scale.float()[:, None]).round().clamp(-largest - 1, largest)
    return q.to(torch.int8), scale


def int8_rows(rows: Tensor, scale_floor: bool) -> tuple[Tensor, Tensor, Tensor]:
    """int8: clip, divide by the float32 scale, and only then round the scale to float16."""
    limits = row_quantile(rows.abs().sort(dim=1).values, INT8_CLIP_QUANTILE)
    scale = (limits / 127).clamp_min(least_scale(127, scale_floor))
    clipped = rows.clamp(-limits[:, None], limits[:, None])
    q = (clipped / scale[:, None]).round().clamp(-127, 127)
    return q.to(torch.int8), scale.half(), limits


def searched_rows(rows: Tensor, bits: int, scale_floor: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Fewer than 8 bits with, for each row, the clip of SEARCH_QUANTILES that leaves the least squared error."""
    ordered = rows.abs().sort(dim=1).values
    best_error = rows.new_full((len(rows),), torch.inf, dtype=torch.float64)
    q, scale = torch.zeros_like(rows, dtype=torch.int8), rows.new_zeros(len(rows), dtype=torch.float16)
    best_limits = rows.new_zeros(len(rows))
    for quantile in reversed(SEARCH_QUANTILES):
        limits = row_quantile(ordered, quantile)
        candidate_q, candidate_scale = grid_rows(rows, limits, bits, scale_floor)
        error = (rows.double() - dequantize(candidate_q, candidate_scale).double()).square().sum(dim=1)
        better = error < best_error
        q[better], scale[better], best_limits[better] = candidate_q[better], candidate_scale[better], limits[better]
        best_error = torch.minimum(error, best_error)
    return q, scale, best_limits


def least_scale(largest: int, scale_floor: bool) -> float:
    """Smallest scale of a row: the published floor 1/largest, or the smallest that float16 holds."""
    return 1.0 / largest if scale_floor else SMALLEST_HALF


def row_quantile(ordered: Tensor, quantile: float) -> Tensor:
    """Quantile of each ascending row by linear interpolation, the values of `torch.quantile` (rows,).

    Written as separate float32 operations, so that no machine fuses them into another rounding.
    """
    position = torch.tensor(quantile, dtype=torch.float32) * (ordered.shape[1] - 1)
    below = int(position.floor())
    weight = position - below
    low, high = ordered[:, below], ordered[:, min(below + 1, ordered.shape[1] - 1)]
    step = high - low
    rising = weight * step
    falling = (1 - weight) * step
    return low + rising if weight < 0.5 else high - falling
