"""Gradient clipping over all parameters together (docs/spec/training.md, T7)."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

NORM_OFFSET = 1e-6  # as torch.nn.utils.clip_grad_norm_


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float | Tensor:
    """Scale all gradients so that their common norm is at most `max_norm`; returns the norm before.

    On a GPU nothing waits for it: the norm is a tensor there.

    Unlike torch's own, whose last bits depend on how many tensors there are, the sum is rounded once: a part whose
    gradients are all zero does not change how the others train.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if gradients[0].is_cuda:
        return clip_on_device(gradients, max_norm)
    norms = torch.stack(torch._foreach_norm(gradients)).tolist()
    norm = math.sqrt(math.fsum(value * value for value in norms))
    if norm + NORM_OFFSET > max_norm:
        torch._foreach_mul_(gradients, max_norm / (norm + NORM_OFFSET))
    return norm


def clip_on_device(gradients: list[Tensor], max_norm: float) -> Tensor:
    """The same without a word to the host; squares are summed in float64. The norm is a float64 scalar."""
    norm = torch.stack(torch._foreach_norm(gradients)).double().square().sum().sqrt()
    factor = (max_norm / (norm + NORM_OFFSET)).clamp(max=1.0)
    torch._foreach_mul_(gradients, factor.float())
    return norm
