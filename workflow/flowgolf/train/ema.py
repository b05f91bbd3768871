"""Exponential moving average of all weights, which is what a run exports (docs/spec/training.md, T8)."""

import torch
from torch import Tensor, nn


class EMA:
    """`average = decay * average + (1 - decay) * weight` after every step; starts as a copy of the weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """`decay` is the share of the old average that a step keeps."""
        self.decay = decay
        self.weights: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        """The averages by parameter name, float32."""

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the averages towards the model's present weights."""
        torch._foreach_lerp_(list(self.weights.values()), list(model.parameters()), 1 - self.decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Write the averages into the model."""
        for name, weight in model.named_parameters():
            weight.copy_(self.weights[name])

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor]) -> None:
        """Continue from the averages of a saved state."""
        for name, average in self.weights.items():
            average.copy_(weights[name])
