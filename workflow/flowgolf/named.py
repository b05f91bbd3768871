"""Classes that only ideas bring and a setting names: TTT methods, rate schedules, quantisers.

Where the setting is null the package does what its other settings say. Imports no torch by itself.
"""

import ast
from collections.abc import Mapping
from typing import Any, NamedTuple

from flowgolf import ideas
from flowgolf.model.declared import parsed
from flowgolf.model.registry import load


class Place(NamedTuple):
    """Where ideas of a kind are named, and who runs them."""

    key: tuple[str, ...]
    """In the settings of an arm."""
    scripts: tuple[str, ...]
    """Scripts of the workflow whose results depend on the file."""


PLACES = {
    "TTT method": Place(("evaluate", "legal_ttt", "method"), ("legal_ttt",)),
    "rate schedule": Place(("train", "schedule"), ("train",)),
    "quantiser": Place(("export", "quantiser"), ("export", "calibrated_export")),
}


def check(kind: str, name: str | None) -> None:
    """Refuse, as a ValueError that begins with the key, a name that is not null and no idea of the kind."""
    known = sorted(ideas.of_kind(kind))
    if name is not None and name not in known:
        there = f"there are {', '.join(known)}" if known else "`ideas:` names none"
        raise ValueError(f"{PLACES[kind].key[-1]}: '{name}' is no {kind}; {there}")


def chosen(settings: Mapping[str, Any], script: str | None = None) -> dict[str, str]:
    """Kind -> name of the ideas that an arm's settings name; `settings` are plain values, parts of them may be missing.

    With `script` only those whose file that script's results depend on.
    """
    found = {kind: value_at(settings, place.key) for kind, place in PLACES.items()}
    return {kind: name for kind, name in found.items() if name and script in (None, *PLACES[kind].scripts)}


def value_at(settings: Mapping[str, Any], key: tuple[str, ...]) -> Any:
    """The value under a path of keys, None where there is none."""
    value: Any = settings
    for part in key:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def module_name(name: str) -> str:
    """Dotted name of an idea's module."""
    return f"{ideas.PACKAGE}.{name}"


def class_name(kind: str, name: str) -> str:
    """Name of the class that an idea of a kind brings; IdeaError for a file with several."""
    path = ideas.of_kind(kind)[name]
    classes = [node for node in parsed(path).body if isinstance(node, ast.ClassDef)]
    found = [node.name for node in classes if kind in map(ideas.KINDS.get, ideas.base_names(node))]
    if len(found) != 1:
        raise ideas.IdeaError(f"{path}: an idea is one class that is a {kind}, found {', '.join(found)}")
    return found[0]


def named_class(kind: str, name: str) -> type[Any]:
    """The class that an idea brings; imports its file, and torch."""
    found: type[Any] = getattr(load(module_name(name), ideas.of_kind(kind)[name]), class_name(kind, name))
    return found
