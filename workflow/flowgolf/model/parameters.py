"""What each parameter of a model is for, asked of the modules that own them; and that a start fills every one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from flowgolf.model.initial import Streams
from flowgolf.model.part import Described, Part
from flowgolf.model.roles import PartRoleError, Role, Stored, check


class Known(NamedTuple):
    """What the model knows of one of its parameters."""

    saved_as: str
    """Its name in files."""
    role: Role
    stored: Stored


class NotFilledError(ValueError):
    """A parameter that no start fills."""


def known(model: Described, blocks: Sequence[nn.Module]) -> dict[str, Known]:
    """Every parameter by its name on the model; one without a role, or with an impossible one, is a PartRoleError."""
    modules = dict(model.named_modules())
    block_of = {id(weight): index for index, block in enumerate(blocks) for weight in block.parameters()}
    found = {}
    for name, weight in model.named_parameters():
        place = owner_of(name, modules)
        owner, own_name = modules[place], name.removeprefix(f"{place}.") if place else name
        assert isinstance(owner, Described)
        role = check(f"{type(owner).__name__}", name, own_name, getattr(owner, "roles", {}).get(own_name))
        block = block_of.get(id(weight))
        if role.storage == "block" and block is None:
            raise PartRoleError(f"{name}: storage 'block' is for weights inside a block; it may be int8 or control")
        saved_as = owner.saved_as.get(own_name, name) if isinstance(owner, Part) else name
        found[name] = Known(saved_as, role, Stored(role.storage, owner.label, block))
    return found


def owner_of(name: str, modules: dict[str, nn.Module]) -> str:
    """Name of the innermost described module that holds a parameter."""
    place = name
    while place:
        place = place.rpartition(".")[0]
        if isinstance(modules.get(place), Described):
            break
    return place


@torch.no_grad()
def start(model: nn.Module, seed: int) -> None:
    """Fill every parameter; NotFilledError with the names of those that no module's `start` has filled."""
    for weight in model.parameters():
        weight.fill_(torch.nan)
    for name, module in model.named_modules():
        if isinstance(module, Described):
            module.start(Streams(seed, name))
    empty = [name for name, weight in model.named_parameters() if bool(weight.isnan().any())]
    if empty:
        raise NotFilledError(f"initial weights: no `start` fills {', '.join(empty)}")
