"""The model's optional parts: one file each under `parts/`, found by listing the folder. Imports no torch by itself.

Nothing imports a part's file by a statement: it is read for its settings (declared.py) and imported by name when a
model has the part, so that an edit of it concerns the models that have it and no others.
"""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from flowgolf import ideas
from flowgolf.model.declared import Declared, PartFileError, declared

FOLDER = Path(__file__).parent / "parts"
PACKAGE = "flowgolf.model.parts"

LATER = {"residual_stream": "float32"}
"""Settings of the model itself that came after files whose bytes are to stay, and their values before."""
further: dict[str, Path] = ideas.of_kind("part")
"""Parts that lie elsewhere: key -> file. ModelSettings knows those that were here when it was made."""


def part_keys() -> list[str]:
    """Keys under `model:` that turn a part on, in alphabetical order."""
    listed = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    if twice := listed & further.keys():
        raise PartFileError(f"{further[min(twice)]}: the package has a part {min(twice)} already; rename the file")
    return sorted(listed | further.keys())


def path(key: str) -> Path:
    """The file of a part."""
    return further.get(key) or FOLDER / f"{key}.py"


def module_name(key: str) -> str:
    """Dotted name of a part's module; of a file outside the package the one that it is imported under."""
    return f"{ideas.PACKAGE}.{key}" if key in further else f"{PACKAGE}.{key}"


def part(key: str) -> Declared:
    """What the file of a part says without being imported."""
    return declared(path(key), module_name(key))


def in_order() -> list[Declared]:
    """All parts, those last that stand after another one's key."""
    return sorted(map(part, part_keys()), key=lambda each: each.after is not None)


def part_fields(core: Sequence[str]) -> list[tuple[str, str | None, Any, Any]]:
    """Key, the key that it stands after or None, type, and pydantic field of every part's setting under `model:`.

    A part that is off is as before there was one: it takes no part in what results are identified by. `core` are the
    keys that are not of parts. PartFileError for one that is both, and for an AFTER that is no key.
    """
    from flowgolf.settings import added

    fields: list[tuple[str, str | None, Any, Any]] = []
    for each in in_order():
        known = [*core, *(key for key, *_ in fields)]
        if each.key in core:
            raise PartFileError(f"{each.file}: the model has a key {each.key} of its own; rename the file")
        if each.after is not None and each.after not in known:
            raise PartFileError(f"{each.file}: AFTER is '{each.after}', which is no key of the model")
        kind, default, description = each.field()
        off = False if each.block_name is None else None
        fields.append((each.key, each.after, kind, added(default, as_before=off, description=description)))
    return fields


def switched_on(model: Any) -> list[str]:
    """Keys of the parts that a model has, in alphabetical order; `model` are its settings."""
    return [key for key in part_keys() if getattr(model, key, None) not in (None, False)]


def asked_for() -> list[str]:
    """Keys of the parts that a model has only where its settings ask for them, in alphabetical order."""
    return [each.key for each in map(part, part_keys()) if not each.on]


def kept_in_files(model: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a model as checkpoints and artifacts hold them: nothing is said of parts that nobody asked for.

    So a part more in the package changes no byte of a model that does not have it; neither does a setting of LATER.
    """
    silent = asked_for()
    kept = {key: value for key, value in model.items() if not (key in silent and value in (None, False))}
    return {key: value for key, value in kept.items() if key not in LATER or value != LATER[key]}


def part_class(key: str) -> type[Any]:
    """The class of a part, which imports its file and torch; a `flowgolf.model.part.Part`.

    Its settings classes become those that `declared` made.
    """
    module = load(module_name(key), path(key))
    vars(module).update(part(key).settings())
    found: type[Any] = getattr(module, part(key).class_name)
    return found


@cache
def load(name: str, file: Path) -> ModuleType:
    """Import a file under a name, once; a file that cannot be imported is a PartFileError with its line."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(file)]
        raise PartFileError(f"{file}:{lines[-1] if lines else 1}: {type(error).__name__}: {error}") from error
    return module
