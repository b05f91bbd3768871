"""The parts, optimisers and ideas that a generated train_gpt.py has: those of its arm, spelt out; it lists no folder.

Each text takes the place of a module that imports by name; in a file that holds all it needs a name is enough.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from flowgolf import named
from flowgolf.model import registry as parts
from flowgolf.model.declared import Declared
from flowgolf.train import registry as optimisers

PARTS = """{imports}
CLASSES = {{{classes}}}
def part_class(key):
    return CLASSES[key]
def part_fields(core):
    return [{fields}]
def switched_on(model):
    return [key for key in CLASSES if getattr(model, key) not in (None, False)]
LATER = {later}
def kept_in_files(model):
    return {{key: value for key, value in model.items() if key not in LATER or value != LATER[key]}}
"""
OPTIMISERS = """{imports}
CHOICES = {choices}
OPTIMISERS = {{{classes}}}
def optimiser_class(name):
    return OPTIMISERS[name]
def names():
    return {names}
def rounding_class():
    return {rounding}
"""
NAMED = """{imports}
NAMED = {{{classes}}}
def check(kind, name):
    return
def named_class(kind, name):
    return NAMED[name]
"""


class Needed(NamedTuple):
    """What a file has of the parts and optimisers of the package, and of ideas of other kinds."""

    parts: tuple[str, ...]
    optimisers: tuple[str, ...]
    ideas: tuple[tuple[str, str], ...] = ()
    """Kind and name of each of another kind."""
    rounds: bool = False
    """Whether the training is quantisation-aware."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Needed":
        """What an arm needs; its settings as plain values."""
        model, train = SimpleNamespace(**settings["model"]), SimpleNamespace(**settings["train"])
        others, rounds = tuple(named.chosen(settings).items()), settings["train"].get("qat_below") is not None
        return cls(tuple(parts.switched_on(model)), tuple(optimisers.switched_on(train)), others, rounds)


def sources(needed: Needed) -> dict[str, str]:
    """The text of each such module by its dotted name."""
    return {
        parts.__name__: part_registry(needed.parts),
        optimisers.__name__: optimiser_registry(needed.optimisers, needed.rounds),
        named.__name__: named_registry(needed.ideas),
    }


def part_registry(keys: tuple[str, ...]) -> str:
    """The parts of these keys: class, and type and default of the key under `model:`.

    Of the other parts only those have a key that a model has unless it is told not to: it is null here.
    """
    declared = [parts.part(key) for key in keys]
    imports = "\n".join(
        f"from {each.module} import {', '.join(filter(None, (each.class_name, each.block_name)))}" for each in declared
    )
    classes = ", ".join(f"{each.key!r}: {each.class_name}" for each in declared)
    known = {each.key: each for each in parts.in_order()}
    fields = [field(each, keys, known) for each in known.values() if each.key in keys or each.on]
    return PARTS.format(imports=imports, classes=classes, fields=", ".join(fields), later=parts.LATER)


def field(part: Declared, keys: tuple[str, ...], known: Mapping[str, Declared]) -> str:
    """Key, the key that it stands after, type and default of a part's setting, as source; `keys` are those in use."""
    after = part.after
    while after is not None and after in known and after not in keys and not known[after].on:
        after = known[after].after
    if part.block_name is None:
        kind, default = "bool", str(part.on and part.key in keys)
    elif part.key in keys:
        kind, default = f"{part.block_name} | None", f"{part.block_name}()" if part.on else "None"
    else:
        kind, default = "type(None)", "None"
    return f"({part.key!r}, {after!r}, {kind}, {default})"


def optimiser_registry(names: tuple[str, ...], rounds: bool) -> str:
    """The classes of these optimisers, and of the rounding if the training does it."""
    known = {name: optimisers.class_name(name) for name in names}
    imports = "\n".join(f"from {optimisers.module_name(name)} import {kind}" for name, kind in known.items())
    imports += f"\nfrom {optimisers.ROUNDING} import Rounding" if rounds else ""
    classes = ", ".join(f"{name!r}: {kind}" for name, kind in known.items())
    rounding = "Rounding" if rounds else "None"
    return OPTIMISERS.format(
        imports=imports, choices=optimisers.CHOICES, classes=classes, names=list(known), rounding=rounding
    )


def named_registry(ideas: tuple[tuple[str, str], ...]) -> str:
    """The classes of ideas of these kinds and names."""
    known = {name: named.class_name(kind, name) for kind, name in ideas}
    imports = "\n".join(f"from {named.module_name(name)} import {own}" for name, own in known.items())
    return NAMED.format(imports=imports, classes=", ".join(f"{name!r}: {own}" for name, own in known.items()))
