"""Chains of small operations with their gradients written out, in fewer passes over memory than autograd takes.

At small widths a step is bound by the number of small operations and what they read and write (docs/training.md,
Speed). tests/model/test_fused.py compares each gradient with finite differences.

Formulas: docs/spec/model.md, M3 to M7.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Tables = tuple[Tensor, Tensor]


def product_dtype(x: Tensor) -> torch.dtype:
    """Type that products of x are computed in: autocast's where it is on, else that of x."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def rms_norm(x: Tensor) -> Tensor:
    """x (..., dim) divided by its root mean square, as the products that read it want it: bfloat16 under autocast."""
    normed: Tensor = RMSNorm.apply(x, product_dtype(x))
    return normed


def inverse_rms(x: Tensor) -> Tensor:
    """`1 / sqrt(mean(x^2) + eps)` over the last dimension, which stays as 1; at least float32, torch's default eps."""
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
    inverse: Tensor = (norm.square() / x.shape[-1] + torch.finfo(norm.dtype).eps).rsqrt()
    return inverse


def rotate(x: Tensor, tables: Tables) -> Tensor:
    """Rotate the first dimensions of each head of x (batch, time, heads, head_dim) by the tables of its positions.

    The tables are `model.attention.Rotary`'s: cos (time, 1, head_dim), sin (time, 1, rope_dims / 2).
    """
    cos, sin = tables
    half = sin.shape[-1]
    turned = x * cos
    turned[..., :half].addcmul_(x[..., half : 2 * half], sin)
    turned[..., half : 2 * half].addcmul_(x[..., :half], sin, value=-1)
    return turned


class RMSNorm(torch.autograd.Function):
    """x (..., dim) divided by its root mean square over the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Shape of x, in a type of its own."""
        inverse = inverse_rms(x)
        y = (x * inverse).to(dtype)
        ctx.save_for_backward(y, inverse)
        ctx.dtype = x.dtype
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """`(g - y mean(g y)) / rms`."""
        y, inverse = ctx.saved_tensors
        gradient, y = gradient.to(inverse.dtype), y.to(inverse.dtype)
        along = (gradient * y).mean(-1, keepdim=True)
        return torch.addcmul(gradient, y, along, value=-1).mul_(inverse).to(ctx.dtype), None


class NormRotate(torch.autograd.Function):
    """Heads x (batch, time, heads, head_dim) divided by their root mean square, times a gain (heads,) or 1, rotated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor | None, cos: Tensor, sin: Tensor) -> Tensor:
        """Shape and dtype of x; cos and sin are the tables of its positions."""
        inverse = inverse_rms(x)
        scale = inverse if gain is None else inverse * gain[:, None]
        ctx.save_for_backward(x, inverse, scale, cos, sin)
        return rotate(x * scale, (cos, sin)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        """Turn back, then the gradient of the normalisation and of the gain."""
        x, inverse, scale, cos, sin = ctx.saved_tensors
        turned = rotate(gradient, (cos, -sin))
        along = (turned * x).sum(-1, keepdim=True)
        slope = scale * inverse.square() * along / x.shape[-1]
        gain_gradient = (along * inverse).sum((0, 1, 3)) if ctx.needs_input_grad[1] else None
        return turned.mul_(scale).addcmul_(x.to(turned.dtype), slope, value=-1).to(x.dtype), gain_gradient, None, None


class RemoveOwnValue(torch.autograd.Function):
    """XSA: heads y (batch, time, heads, head_dim) without their projection on v, of the same shape."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, v: Tensor) -> Tensor:
        """`y - (y . u) u` with `u = v / max(|v|, 1e-12)`, in the type of y and in float32 on the way."""
        wide = torch.promote_types(y.dtype, torch.float32)
        inverse = torch.linalg.vector_norm(v, dim=-1, keepdim=True, dtype=wide).clamp_(min=1e-12).reciprocal_()
        direction = v * inverse
        along = (y * direction).sum(-1, keepdim=True)
        left = torch.addcmul(y.to(wide), along, direction, value=-1).to(y.dtype)
        ctx.save_for_backward(left, direction.to(v.dtype), along, inverse)
        return left

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """For y the same projection of the gradient; for v what a turn of u does, over |v|."""
        left, direction, along, inverse = ctx.saved_tensors
        narrow, wide = gradient.dtype, inverse.dtype
        gradient, left, direction = gradient.to(wide), left.to(wide), direction.to(wide)
        lost = (gradient * direction).sum(-1, keepdim=True)
        y_gradient = torch.addcmul(gradient, lost, direction, value=-1)
        v_gradient = (along * y_gradient).addcmul_(lost, left).mul_(-inverse)
        return y_gradient.to(narrow), v_gradient.to(narrow)


class SquaredLeakyReLU(torch.autograd.Function):
    """`leaky_relu(x, 0.5)^2`, which is x times leaky_relu(x, 0.25)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Elementwise."""
        half_slope = F.leaky_relu(x, 0.25)
        ctx.save_for_backward(half_slope)
        return x * half_slope

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """`2 g leaky_relu(x, 0.25)`."""
        (half_slope,) = ctx.saved_tensors
        doubled: Tensor = (gradient * half_slope).mul_(2)
        return doubled
