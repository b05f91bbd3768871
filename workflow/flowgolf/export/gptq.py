"""GPTQ: integers whose errors cancel on what the layer is given (docs/spec/export.md, X15). Pure functions of tensors.

A weight is rounded column by column, and what the rounding did is made good in the columns that are still to come.
"""

import torch
from torch import Tensor

BLOCK_COLUMNS = 128  # columns that are rounded before the others learn of it: one product instead of many
DAMPING = 0.01  # of the mean diagonal, added to it so that the inverse exists


def gptq(rows: Tensor, scale: Tensor, bits: int, hessian: Tensor) -> Tensor:
    """Integers (rows, columns) int8 within +-(2^(bits-1) - 1) on the grid of `scale` (rows,) float16.

    rows (rows, columns) float32; hessian (columns, columns) float32, the sum of x x^T over the layer's inputs x.
    ValueError for a Hessian that has no Cholesky factor even when damped.
    """
    largest, step = 2 ** (bits - 1) - 1, scale.float()
    dead = hessian.diagonal() == 0
    order = hessian.diagonal().masked_fill(dead, 1).argsort(descending=True, stable=True)
    factor = inverse_factor(hessian[order][:, order], dead[order])
    left = rows.masked_fill(dead, 0)[:, order].T.contiguous()  # (columns, rows): a column is contiguous
    q = torch.empty_like(left)
    for start in range(0, len(left), BLOCK_COLUMNS):
        end = min(start + BLOCK_COLUMNS, len(left))
        inside = factor[start:end, start:end]
        block, errors = left[start:end], torch.empty_like(left[start:end])
        for column in range(end - start):
            q[start + column] = (block[column] / step).round().clamp(-largest, largest)
            errors[column] = (block[column] - q[start + column] * step) / inside[column, column]
            block[column:].addr_(inside[column, column:], errors[column], alpha=-1)
        left[end:].addmm_(factor[start:end, end:].T, errors, alpha=-1)
    return q[order.argsort()].T.to(torch.int8).contiguous()


def inverse_factor(hessian: Tensor, dead: Tensor) -> Tensor:
    """Upper Cholesky factor of the inverse of a damped Hessian (columns, columns); `dead` columns count as 1 alone."""
    damped = hessian.clone()
    diagonal = damped.diagonal()
    diagonal[dead] = 1
    diagonal += DAMPING * diagonal.mean()
    try:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
        factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    except RuntimeError as error:  # torch's LinAlgError is one
        raise ValueError(f"the Hessian of {len(hessian)} inputs has no Cholesky factor ({error})") from None
    return factor
