"""The optional parts that a model has, imported by name."""

from typing import Any, NamedTuple

from flowgolf.model import registry
from flowgolf.model.part import HOOKS, Part, acts
from flowgolf.model.roles import PartRoleError
from flowgolf.model.settings import CoreSettings


class Chosen(NamedTuple):
    """A part that a model has."""

    name: str
    """Where it hangs."""
    kind: type[Part]
    own: Any
    """What stands under its key."""


def chosen_parts(model: CoreSettings) -> list[Chosen]:
    """The parts that these settings turn on, in the order in which they act; imports their files."""
    kinds = [(key, registry.part_class(key)) for key in registry.switched_on(model)]
    for key, kind in kinds:
        if not any(acts(kind, hook) for hook in HOOKS):
            raise PartRoleError(f"{key}: the part acts nowhere; it may define {', '.join(HOOKS)}")
    return [
        Chosen(kind.attribute or key, kind, getattr(model, key))
        for key, kind in sorted(kinds, key=lambda each: (each[1].order, each[0]))
    ]
