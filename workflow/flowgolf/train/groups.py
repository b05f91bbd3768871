"""Which optimiser updates which parameter, and at what rate (docs/spec/training.md, T2)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from flowgolf.train.muon import Muon, newton_schulz
from flowgolf.train.settings import TrainSettings

Group = Literal["matrices", "embeddings", "rest"]

EMBEDDINGS = ("tok_emb.weight", "lm_head.weight", "bigram.embed.weight", "ve_shared.embed.weight")
NOT_MATRICES = ("attn_gate", "resid_mix")


def group_of(name: str, parameter: Tensor) -> Group:
    """The group of a parameter, by its name in the state dict."""
    if name in EMBEDDINGS:
        return "embeddings"
    if name == "bigram.proj.weight":
        return "matrices"
    in_block = name.startswith("blocks.") and parameter.ndim == 2
    return "matrices" if in_block and not set(NOT_MATRICES) & set(name.split(".")) else "rest"


def optimizers(
    gpt: nn.Module, settings: TrainSettings, orthogonalise: Callable[[Tensor], Tensor] = newton_schulz
) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the matrices, AdamW for everything else; each group keeps its full rate as `base_lr`.

    `orthogonalise` is Muon's: a function that shares a batch of matrices among processes may take its place.
    """
    groups: dict[Group, list[Tensor]] = {"matrices": [], "embeddings": [], "rest": []}
    for name, parameter in gpt.named_parameters():
        groups[group_of(name, parameter)].append(parameter)
    muon = Muon(
        groups["matrices"],
        lr=settings.matrix_lr,
        momentum=settings.muon_momentum_start,
        weight_decay=settings.weight_decay,
        orthogonalise=orthogonalise,
    )
    adamw = torch.optim.AdamW(
        [
            {"params": groups["embeddings"], "lr": settings.embedding_lr},
            {"params": groups["rest"], "lr": settings.scalar_lr},
        ],
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_eps,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return muon, adamw


def set_rates(muon: Muon, adamw: torch.optim.AdamW, multiplier: float, momentum: float) -> None:
    """Set every group's rate to `multiplier` of its full rate, and Muon's momentum."""
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * multiplier
    for group in muon.param_groups:
        group["momentum"] = momentum
