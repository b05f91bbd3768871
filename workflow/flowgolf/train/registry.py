"""The optimisers, one file each under `optimisers/`, found by listing the folder. Imports no torch by itself.

Nothing imports an optimiser's file by a statement, so that an edit of it concerns the trainings that use it alone.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

from flowgolf import ideas
from flowgolf.model.declared import parsed
from flowgolf.model.registry import load

FOLDER = Path(__file__).parent / "optimisers"
PACKAGE = "flowgolf.train.optimisers"
CHOICES = {"matrices": "matrix_optimizer", "embeddings": "embedding_optimizer", "rest": "scalar_optimizer"}
"""Group of parameters -> the key under `train:` that names its optimiser."""
ROUNDING = "flowgolf.train.rounding"
"""The module of quantisation-aware training; it has the export's grids, which other trainings do not depend on."""


def names() -> list[str]:
    """Names of the optimisers, in alphabetical order."""
    own = ideas.of_kind("optimiser")
    listed = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    if twice := listed & own.keys():
        raise ideas.IdeaError(f"{own[min(twice)]}: the package has an optimiser {min(twice)} already; rename the file")
    return sorted(listed | own.keys())


def rounding_class() -> type[Any]:
    """The class of quantisation-aware training; imports torch."""
    found: type[Any] = import_module(ROUNDING).Rounding
    return found


def switched_on(train: Any) -> list[str]:
    """Names of the optimisers that a training uses, in alphabetical order; `train` are its settings."""
    return sorted({str(getattr(train, key)) for key in CHOICES.values()})


def path(name: str) -> Path:
    """The file of an optimiser."""
    return ideas.of_kind("optimiser").get(name) or FOLDER / f"{name}.py"


def module_name(name: str) -> str:
    """Dotted name of an optimiser's module."""
    return f"{ideas.PACKAGE if name in ideas.of_kind('optimiser') else PACKAGE}.{name}"


def class_name(name: str) -> str:
    """Name of an optimiser's class, the one in its file; ValueError for a file with none or several."""
    found = [node.name for node in parsed(path(name)).body if isinstance(node, ast.ClassDef)]
    if len(found) != 1:
        raise ValueError(f"{path(name)}: an optimiser's file has one class, found {', '.join(found) or 'none'}")
    return found[0]


def optimiser_class(name: str) -> type[Any]:
    """The class of an optimiser; imports its file, and torch."""
    found: type[Any] = getattr(load(module_name(name), path(name)), class_name(name))
    return found
