"""AdamW as torch has it, fused (docs/spec/training.md, T2)."""

from collections.abc import Callable
from typing import Any, Self

import torch

from flowgolf.train.settings import TrainSettings


class AdamW(torch.optim.AdamW):
    """Torch's AdamW with the study's betas and offset; nothing of its own changes along a run."""

    @classmethod
    def of(cls, groups: list[dict[str, Any]], settings: TrainSettings, _: Callable[..., Any]) -> Self:
        """For parameter groups with their own rates and decays."""
        betas = (settings.adam_beta1, settings.adam_beta2)
        return cls(groups, betas=betas, eps=settings.adam_eps, fused=True)

    @staticmethod
    def scheduled(settings: TrainSettings, step: int) -> dict[str, float]:
        """Nothing."""
        return {}
