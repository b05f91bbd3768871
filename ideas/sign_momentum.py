"""Steps of one size along the sign of a momentum (Chen et al., arXiv 2302.06675); an example of an optimiser."""

from collections.abc import Callable
from typing import Any, Self

import torch

from flowgolf.train.settings import TrainSettings

SCALE = 0.1  # a sign has no size, so its rate is smaller than that of AdamW


class SignMomentum(torch.optim.Optimizer):
    """`w *= 1 - lr*wd; w -= 0.1 * lr * sign(b1*m + (1-b1)*g); m = b2*m + (1-b2)*g`."""

    @classmethod
    def of(cls, groups: list[dict[str, Any]], settings: TrainSettings, _: Callable[..., Any]) -> Self:
        """For parameter groups with their own rates and decays."""
        return cls(groups, {"beta1": settings.adam_beta1, "beta2": settings.adam_beta2})

    @staticmethod
    def scheduled(settings: TrainSettings, step: int) -> dict[str, float]:
        """Nothing of its own changes along a run."""
        return {}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                direction = torch.lerp(weight.grad, momentum, group["beta1"]).sign()
                weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=SCALE * group["lr"])
                momentum.lerp_(weight.grad, 1 - group["beta2"])
