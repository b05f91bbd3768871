"""What a parameter is for: who updates it, how an artifact stores it, what it is called, what it costs."""

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

Group = Literal["matrices", "embeddings", "rest"]
Storage = Literal["block", "int8", "control"]
Counted = Literal["product", "table"]


class Role(NamedTuple):
    """What a module says of one of its own parameters."""

    group: Group
    """Optimiser group: `matrices`, `embeddings` or `rest`, each with a rate and an optimiser of its own."""
    storage: Storage
    """In an artifact, above passthrough_max_elements: `block` (int6, or int5 where the plan says so), `int8`, or
    `control` (float32, never quantised)."""
    counted: Counted | None = None
    """In arithmetic per token: a factor of a matrix `product`, a `table` whose rows are looked up, or neither."""


BLOCK_MATRIX = Role("matrices", "block", "product")
"""A matrix of attention or MLP."""
TABLE = Role("embeddings", "int8", "table")
"""Rows that are looked up by a token or a hash."""
WEIGHT = Role("rest", "int8", "product")
"""A matrix that AdamW updates."""
VECTOR = Role("rest", "int8")
"""A bias, or another set of numbers that can bear eight bits."""
CONTROL = Role("rest", "control")
"""A scale, a gate, a mix: few numbers on which much depends."""


class Stored(NamedTuple):
    """What an export needs to know of a parameter."""

    storage: Storage
    label: str
    """Part of the model that it belongs to, as plots and tables call it."""
    block: int | None
    """Block that it belongs to, counted from 0; None outside the blocks."""


class PartRoleError(ValueError):
    """A parameter without a role, or with one that cannot be."""


def check(owner: str, name: str, own_name: str, role: Role | None) -> Role:
    """The role of parameter `name`, called `own_name` in its class; PartRoleError if missing or of unknown words."""
    choices = f"group {words(Group)}; storage {words(Storage)}; counted {words(Counted)} or None"
    if role is None:
        raise PartRoleError(
            f"{name} has no role: {owner}.roles lacks '{own_name}': Role(group, storage, counted), with {choices}"
        )
    if (
        role.group not in get_args(Group)
        or role.storage not in get_args(Storage)
        or role.counted not in (*get_args(Counted), None)
    ):
        raise PartRoleError(f"{name}: {owner}.roles says {tuple(role)}; there are {choices}")
    return role


def words(choice: object) -> str:
    """The words of a Literal, for a message."""
    return ", ".join(f"'{word}'" for word in get_args(choice))


def to_text(model: Mapping[str, Any], stored: Mapping[str, Stored]) -> str:
    """What a checkpoint says beside its weights: the model's settings, and how each weight is to be stored."""
    return json.dumps({"model": model, "stored": {name: list(each) for name, each in stored.items()}})


def from_text(text: str) -> tuple[dict[str, Any], dict[str, Stored]]:
    """What `to_text` was given."""
    said = json.loads(text)
    return said["model"], {name: Stored(*values) for name, values in said["stored"].items()}
