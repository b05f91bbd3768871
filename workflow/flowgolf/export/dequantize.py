"""From small integers back to float weights."""

from typing import Literal

from torch import Tensor

Kind = Literal["int4", "int5", "int6", "int7", "int8", "float16", "float32"]


def dequantize(q: Tensor, scale: Tensor) -> Tensor:
    """float32 weights, shape and device of `q`. Integer times float16 fits in float32 exactly: everywhere the same."""
    return (rows_of(q) * scale.float()[:, None]).view(q.shape)


def rows_of(tensor: Tensor) -> Tensor:
    """float32 as (rows, columns), on its device: the last dimension is the row, a vector is one row."""
    columns = tensor.shape[-1] if tensor.dim() else 1
    return tensor.detach().float().reshape(-1, columns)


def as_rows(tensor: Tensor) -> Tensor:
    """The same on the CPU, where exports compute."""
    return rows_of(tensor.cpu())
