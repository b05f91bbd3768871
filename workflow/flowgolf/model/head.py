"""The output head: softly capped logits and their losses (docs/spec/model.md, M15), a piece of the positions at a time.

Logits are by far the largest activation of a small model. Here a piece of them that fits a CPU's cache is made, used
for its losses and their gradient, and dropped; training and scoring never hold them for a whole batch.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

PIECE_LOGITS = {"cpu": 1 << 17, "cuda": 1 << 26}  # 0.5 MB in a cache, 256 MB on a GPU


def squashed_logits(x: Tensor, weight: Tensor, softcap: float) -> Tensor:
    """`tanh(x @ weight.T / softcap)`: logits are this times softcap; x (..., dim), weight (vocab, dim) -> float32."""
    return torch.tanh(F.linear(x / softcap, weight).float())  # dividing x is cheaper than the logits


def head_losses(
    x: Tensor, weight: Tensor, targets: Tensor, softcap: float, *, gradients: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Nats of each position, and if asked for the gradients of their sum with respect to x and weight.

    x (positions, dim), weight (vocab, dim), targets (positions,) -> (positions,) float32, like x, like weight.
    """
    rows = max(1, PIECE_LOGITS[x.device.type] // weight.shape[0])
    nats: list[Tensor] = []
    x_gradients: list[Tensor] = []
    weight_gradient = torch.zeros_like(weight) if gradients else None
    for piece, target in zip(x.split(rows), targets[:, None].split(rows), strict=True):
        squashed = squashed_logits(piece, weight, softcap)
        log_probabilities = torch.log_softmax(softcap * squashed, -1)
        nats.append(-log_probabilities.gather(1, target).squeeze(1))
        if weight_gradient is not None:
            # softmax, less 1 at the target, times the derivative of tanh
            slope = log_probabilities.exp_().scatter_add_(1, target, torch.full_like(squashed[:, :1], -1))
            slope = slope.addcmul_(slope, squashed.square_(), value=-1)
            x_gradients.append((slope @ weight).to(x.dtype))
            weight_gradient += slope.T @ piece
    return torch.cat(nats), torch.cat(x_gradients) if gradients else None, weight_gradient


class MeanLoss(torch.autograd.Function):
    """Mean of the `head_losses`, whose gradients are computed with it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, targets: Tensor, softcap: float) -> Tensor:
        """Shapes as for `head_losses`; a float32 scalar."""
        nats, x_gradient, weight_gradient = head_losses(x, weight, targets, softcap, gradients=True)
        ctx.save_for_backward(x_gradient, weight_gradient)
        ctx.count = len(nats)
        return mean_nats(nats)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """What forward computed, scaled."""
        x_gradient, weight_gradient = ctx.saved_tensors
        factor = gradient / ctx.count
        return x_gradient * factor, weight_gradient * factor, None, None


def mean_nats(nats: Tensor) -> Tensor:
    """Mean as training takes it, rounded once: float32 scalar."""
    return nats.mean(dtype=torch.float64).float()
