"""Ideas: files of the user's own beside a study: a part of the model, an optimiser, or another of KINDS.

Which settings there are is decided when `flowgolf.model.settings` is imported, so a process has to know the files
before that: `announce` writes them into its environment, from which every process that it starts has them too. A file
is read here, never run; only the jobs of the arms that use it import it. Imports only the standard library.
"""

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "flowgolf_ideas"
"""What the module of `ideas/my_part.py` is called: flowgolf_ideas.my_part."""
VARIABLE = "FLOWGOLF_IDEAS"
KINDS = {
    "Part": "part",
    "Optimizer": "optimiser",
    "TTTMethod": "TTT method",
    "RateSchedule": "rate schedule",
    "Quantiser": "quantiser",
}
"""A class that an idea is derived from -> what the idea is."""
LIBRARIES = ("flowgolf", "torch", "numpy", "pydantic")
"""What an idea may import besides Python's own library: nothing whose edits would go unseen."""


class IdeaError(ValueError):
    """A file that cannot serve as an idea."""


def announce(study: Mapping[str, Any]) -> None:
    """Name the ideas of a study to this process and to those it starts; relative paths begin in the working directory.

    Raises IdeaError for a file that cannot serve, and where the settings have been read without it.
    """
    named = study.get("ideas") or []
    if not isinstance(named, list) or not all(isinstance(path, str) for path in named):
        raise IdeaError(f"ideas: input should be a list of paths, found {named!r}")
    paths = [Path(path).resolve() for path in named]
    for path in paths:
        kind_of(path)
    known = os.pathsep.join(map(str, paths))
    if known != os.environ.get(VARIABLE, "") and "flowgolf.model.settings" in sys.modules:
        raise IdeaError("ideas: this process has read the settings of another study already; start a new one")
    os.environ[VARIABLE] = known
    files.cache_clear()
    files()


@cache
def files() -> dict[str, Path]:
    """The ideas that this process knows: name -> file. IdeaError for two of one name."""
    found: dict[str, Path] = {}
    for path in map(Path, filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))):
        if found.setdefault(path.stem, path) != path:
            raise IdeaError(f"{path}: {found[path.stem]} has this name already; rename one of them")
    return found


def of_kind(kind: str) -> dict[str, Path]:
    """The ideas of one kind."""
    return {name: path for name, path in files().items() if kind_of(path) == kind}


def file_of(module: str) -> Path | None:
    """The file of a module of PACKAGE; None for any other name."""
    package, _, name = module.partition(".")
    return files().get(name) if package == PACKAGE else None


@cache
def kind_of(path: Path) -> str:
    """What a file brings, one of KINDS' values; IdeaError for a file that brings none, or that cannot serve."""
    if not path.is_file() or path.suffix != ".py" or not path.stem.isidentifier():
        raise IdeaError(f"ideas: {path}: no such file, or not one whose name is a Python name and ends in .py")
    try:
        tree = ast.parse(path.read_text())
    except SyntaxError as error:
        raise IdeaError(f"{path}:{error.lineno}: {error.msg}") from None
    for line, module in imported(tree):
        if module.partition(".")[0] not in (*LIBRARIES, *sys.stdlib_module_names):
            raise IdeaError(f"{path}:{line}: imports {module}; an idea is one file that may import {allowed()}")
    found = {KINDS[base] for base in bases(tree) if base in KINDS}
    if len(found) != 1:
        words = ", ".join(KINDS)
        raise IdeaError(f"{path}: an idea has a class derived from one of {words}; found {len(found)} of these kinds")
    return found.pop()


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and module of every import; a relative one has the module `.`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." if node.level else str(node.module)


def bases(tree: ast.Module) -> Iterator[str]:
    """Names of what the file's classes are derived from, without the modules before them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from base_names(node)


def base_names(node: ast.ClassDef) -> list[str]:
    """Names of what a class is derived from, without the modules before them."""
    return [ast.unparse(base).rpartition(".")[2] for base in node.bases]


def allowed() -> str:
    """The libraries in words."""
    return f"{', '.join(LIBRARIES)} and Python's own library"
