"""Which optimiser updates which parameter, and at what rate (docs/spec/training.md, T2)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from flowgolf.model.gpt import GPT
from flowgolf.train import registry
from flowgolf.train.settings import TrainSettings

RATES = {"matrices": "matrix_lr", "embeddings": "embedding_lr", "rest": "scalar_lr"}
DECAYS = {"matrices": "matrix_decay", "embeddings": "embedding_decay", "rest": "scalar_decay"}
"""Group of parameters -> the key under `train:` that is its full rate, and that of its weight decay."""

Spread = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]


def alone(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Work on a batch, not shared with other processes."""
    return function(batch)


def optimizers(gpt: GPT, settings: TrainSettings, spread: Spread = alone) -> dict[str, torch.optim.Optimizer]:
    """The optimisers by name, each with the groups that the settings give it, whose full rate is kept as `base_lr`."""
    members: dict[str, list[Tensor]] = {group: [] for group in RATES}
    for name, parameter in gpt.named_parameters():
        members[gpt.known[name].role.group].append(parameter)
    groups: dict[str, list[dict[str, Any]]] = {}
    for group, rate in RATES.items():
        lr = getattr(settings, rate)
        given = {"params": members[group], "lr": lr, "base_lr": lr, "weight_decay": decay_of(group, settings)}
        groups.setdefault(optimizer_of(group, settings), []).append(given)
    return {name: registry.optimiser_class(name).of(each, settings, spread) for name, each in groups.items()}


def decay_of(group: str, settings: TrainSettings) -> float:
    """Weight decay of a group: its own, or the one of all groups."""
    own: float | None = getattr(settings, DECAYS[group])
    return settings.weight_decay if own is None else own


def optimizer_of(group: str, settings: TrainSettings) -> str:
    """Name of the optimiser that updates a group."""
    return str(getattr(settings, registry.CHOICES[group]))


def set_rates(
    made: dict[str, torch.optim.Optimizer], settings: TrainSettings, step: int, multiplier: float
) -> dict[str, float]:
    """Set every group's rate to `multiplier` of its full rate and what its optimiser schedules; returns the latter."""
    figures: dict[str, float] = {}
    for name, optimizer in made.items():
        scheduled = registry.optimiser_class(name).scheduled(settings, step)
        for group in optimizer.param_groups:
            group |= {"lr": group["base_lr"] * multiplier, **scheduled}
        figures |= scheduled
    return figures


def tensor_facts(gpt: GPT, settings: TrainSettings | None) -> dict[str, dict[str, Any]]:
    """For the record: each tensor's shape, group, optimiser (null without a training), storage and label, by name."""
    facts = {}
    for name, parameter in gpt.named_parameters():
        known = gpt.known[name]
        facts[known.saved_as] = {
            "shape": " x ".join(map(str, parameter.shape)),
            "elements": parameter.numel(),
            "group": known.role.group,
            "optimizer": settings and optimizer_of(known.role.group, settings),
            "storage": known.role.storage,
            "label": known.stored.label,
        }
    return facts
