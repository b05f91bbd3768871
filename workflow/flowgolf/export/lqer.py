"""Low-rank corrections, the writing side: the error of quantising as a product of two small matrices in few bits.

docs/spec/export.md, X16. Both forms round half to even on float16 scales.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from flowgolf.export.container import CORRECTION_GROUP
from flowgolf.export.quantize import SMALLEST_HALF, Quantised

FACTOR_BITS = 4


def factors(error: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """U S (rows, rank) and V (rank, columns) of the best approximation of `error` (rows, columns)."""
    u, s, v = torch.linalg.svd(error, full_matrices=False)
    return u[:, :rank] * s[:rank], v[:rank]


def quantise_factors(left: Tensor, right: Tensor, form: str) -> tuple[Quantised, Quantised]:
    """Both factors on their grids.

    `symmetric`: rows of each, scale max/7, integers within +-7. `record`: `left` is one row with scale max/1.5 and
    integers -2 to 1; `right` is rows of CORRECTION_GROUP numbers, filled up with zeros, with scale max/7.5 and -8 to 7.
    """
    if form == "symmetric":
        return on_grid(left, 7, -7, 7), on_grid(right, 7, -7, 7)
    flat = right.flatten()
    grouped = F.pad(flat, (0, -len(flat) % CORRECTION_GROUP)).view(-1, CORRECTION_GROUP)
    return on_grid(left.reshape(1, -1), 1.5, -2, 1), on_grid(grouped, 7.5, -8, 7)


def on_grid(rows: Tensor, divisor: float, least: int, largest: int) -> Quantised:
    """Rows divided by their largest magnitude over `divisor`, as float16 holds it, and rounded."""
    limits = rows.abs().amax(dim=1)
    scale = (limits / divisor).half().clamp_min(SMALLEST_HALF)
    q = (rows / scale.float()[:, None]).round().clamp(least, largest)
    return Quantised(q.to(torch.int8), scale, limits)


def correction(error: Tensor, rank: int, form: str) -> tuple[Quantised, Quantised]:
    """Quantised factors of the error (rows, columns) of a tensor; the rank is at most that of the tensor."""
    return quantise_factors(*factors(error, rank), form)
