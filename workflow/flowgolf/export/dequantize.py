"""From small integers back to float weights."""

from typing import Literal

import torch
from torch import Tensor

Kind = Literal["int4", "int5", "int6", "int7", "int8", "float16", "float32"]


def dequantize(q: Tensor, scale: Tensor) -> Tensor:
    """float32 weights, shape of `q`. Integer times float16 fits in float32 exactly: the same on every machine."""
    return (as_rows(q) * scale.float()[:, None]).view(q.shape)


def as_rows(tensor: Tensor) -> Tensor:
    """float32 on the CPU as (rows, columns): the last dimension is the row, a vector is one row."""
    columns = tensor.shape[-1] if tensor.dim() else 1
    return tensor.detach().to("cpu", torch.float32).reshape(-1, columns)
