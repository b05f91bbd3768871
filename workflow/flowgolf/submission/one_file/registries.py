"""The lists of parts and optimisers as the generated train_gpt.py has them: spelt out, since it has no folder to list.

Each takes the place of a module that imports by name; in a file that holds everything a name is enough.
"""

from flowgolf.model import registry as parts
from flowgolf.train import registry as optimisers

PARTS = """{imports}
CLASSES = {{{classes}}}
def part_class(key):
    return CLASSES[key]
def part_fields(core):
    return [{fields}]
def switched_on(model):
    return [key for key in CLASSES if getattr(model, key) not in (None, False)]
"""
OPTIMISERS = """{imports}
CHOICES = {choices}
OPTIMISERS = {{{classes}}}
def optimiser_class(name):
    return OPTIMISERS[name]
def names():
    return {names}
"""


def sources() -> dict[str, str]:
    """The text of each such module by its dotted name."""
    return {parts.__name__: part_registry(), optimisers.__name__: optimiser_registry()}


def part_registry() -> str:
    """Every part that the package has: its class, and type and default of its key under `model:`."""
    declared = [parts.part(key) for key in parts.part_keys()]
    imports = "\n".join(
        f"from {each.module} import {', '.join(filter(None, (each.class_name, each.block_name)))}" for each in declared
    )
    classes = ", ".join(f"{each.key!r}: {each.class_name}" for each in declared)
    fields = []
    for each in parts.in_order():
        kind = f"{each.block_name} | None" if each.block_name else "bool"
        default = each.on if each.block_name is None else f"{each.block_name}()" if each.on else None
        fields.append(f"({each.key!r}, {each.after!r}, {kind}, {default})")
    return PARTS.format(imports=imports, classes=classes, fields=", ".join(fields))


def optimiser_registry() -> str:
    """Every optimiser's class."""
    known = {name: optimisers.class_name(name) for name in optimisers.names()}
    imports = "\n".join(f"from {optimisers.module_name(name)} import {kind}" for name, kind in known.items())
    classes = ", ".join(f"{name!r}: {kind}" for name, kind in known.items())
    return OPTIMISERS.format(imports=imports, choices=optimisers.CHOICES, classes=classes, names=list(known))
