"""Test-time training of gains, scales and gates alone; an example of a TTT method (docs/ideas.md)."""

import torch
from torch import nn

from flowgolf.evaluate.method import TTTMethod

BETAS = (0.9, 0.99)  # a chunk is few steps: an average over a thousand of them would never warm up


class NormsOnlyTTT(TTTMethod):
    """Thousands of numbers instead of millions: little to overfit, and a state that is quickly saved."""

    def trains(self, name: str, weight: nn.Parameter) -> bool:
        """What an artifact keeps exact because much depends on few numbers, and what is no factor of a product."""
        role = self.gpt.known[name].role
        return super().trains(name, weight) and role.storage == "control" and role.counted is None

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Adam: gains and gates differ in scale by more than one rate could serve."""
        return torch.optim.Adam(weights, lr=self.settings.lr, betas=BETAS)
