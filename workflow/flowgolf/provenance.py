"""Fingerprints of code: which sources a result depends on, and whether one of them has changed since.

A source counts by what it does: comments, docstrings, layout and the version of Python that reads it do not matter.
Neither do the fields of settings (their values identify a result by themselves) nor anything in `running/`.
"""

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from flowgolf import ideas
from flowgolf.running.remembered import remembered

WORKFLOW = Path(__file__).resolve().parents[1]
NEVER_COUNTS = ("flowgolf.running", "flowgolf.provenance", "flowgolf.settings")
DECLARES = ("pydantic", "flowgolf.settings")
"""Libraries of settings: what is imported from them declares values, and does nothing with them."""
DIGITS = 12


class Source(NamedTuple):
    """What of a file decides whether results made with it still hold."""

    digest: str
    """Hash of its code without comments, docstrings, layout and fields of settings."""
    imports: tuple[str, ...]
    """Dotted flowgolf names that it imports; `from a import b` gives both `a` and `a.b`."""


@cache
def fingerprint(script: str | Path, also: tuple[str, ...] = ()) -> str:
    """Hash of a script, of the modules `also` names, and of all that they import (hex). Computed once a process."""
    return combined(sources(script, also))


def combined(digests: Mapping[str, str]) -> str:
    """One hash for the digests of several sources (hex)."""
    listed = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    return sha256(listed.encode()).hexdigest()[:DIGITS]


def sources(script: str | Path, also: Iterable[str] = ()) -> dict[str, str]:
    """Name -> digest of a script and of every flowgolf module that it or one of `also` reaches, by name.

    The closure follows import statements; what is imported by name while running has to be given as `also`.
    """
    script = Path(script)
    found = {f"scripts/{script.name}": read_source(script)}
    pending = [*found[f"scripts/{script.name}"].imports, *also]
    while pending:
        for name in modules_of(pending.pop()):
            if name not in found and counts(name):
                found[name] = read_source(file_of(name), name)
                pending.extend(found[name].imports)
    return {name: found[name].digest for name in sorted(found)}


def counts(name: str) -> bool:
    """Whether a module is part of fingerprints."""
    return not any(name == other or name.startswith(f"{other}.") for other in NEVER_COUNTS)


@cache
def modules_of(name: str) -> tuple[str, ...]:
    """Modules that importing a dotted name runs: each package above it and itself; the last part may be a mere name."""
    parts = name.split(".")
    names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return tuple(each for each in names if file_of(each).is_file())


def file_of(name: str) -> Path:
    """The file of a dotted module name: an idea's, a package's `__init__.py`, or the module's own."""
    if idea := ideas.file_of(name):
        return idea
    folder = WORKFLOW.joinpath(*name.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


@cache
def read_source(path: Path, name: str = "") -> Source:
    """Parse a file, unless a process did before; `name` is the module's, which relative imports start from."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    text = path.read_bytes()
    found, imports = remembered((own_text(), package.encode(), text), lambda: parsed(text, package))
    return Source(found, tuple(imports))


@cache
def own_text() -> bytes:
    """The text of this file, by which a source is read."""
    return Path(__file__).read_bytes()


def parsed(text: bytes, package: str) -> Source:
    """What counts of a module of `package` with this text."""
    tree = ast.parse(text)
    imported = dict.fromkeys(each for node in ast.walk(tree) for each in imports_of(node, package))
    ours = tuple(each for each in imported if each.partition(".")[0] == "flowgolf")
    return Source(sha256(canonical(without_texts(tree)).encode()).hexdigest()[:DIGITS], ours)


def imports_of(node: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that an import statement of a module in `package` may run."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def without_texts(tree: ast.Module) -> ast.Module:
    """The tree without docstrings, and without what declares settings: imports, fields and validators."""
    tree.body = [part for part in tree.body if not (isinstance(part, ast.ImportFrom) and part.module in DECLARES)]
    tree.body = [part for part in tree.body if not declares_only(part)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not is_text(part)] or [ast.Pass()]
        if isinstance(node, ast.ClassDef) and is_settings(node):
            node.body = [part for part in node.body if not is_declaration(part)] or [ast.Pass()]
    return tree


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring, or the description under a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_settings(node: ast.ClassDef) -> bool:
    """Whether a class is a block of settings, by the name of what it extends."""
    return any(isinstance(base, ast.Name) and base.id.endswith("Settings") for base in node.bases)


def declares_only(node: ast.stmt) -> bool:
    """Whether a statement is a block of settings without a method, property or constant of its own."""
    return (
        isinstance(node, ast.ClassDef)
        and is_settings(node)
        and all(is_text(part) or is_declaration(part) or isinstance(part, ast.Pass) for part in node.body)
    )


def is_declaration(node: ast.stmt) -> bool:
    """Whether a statement of a settings class declares or checks a value, which the settings of a run state anyway."""
    if isinstance(node, ast.FunctionDef):
        return any("validator" in ast.unparse(decorator) for decorator in node.decorator_list)
    return isinstance(node, ast.AnnAssign)


def canonical(value: object) -> str:
    """A syntax tree as text that is the same for every version of Python: empty fields, which come and go, left out."""
    if isinstance(value, ast.AST):
        fields = ((name, getattr(value, name, None)) for name in value._fields)
        inner = ",".join(f"{name}={canonical(each)}" for name, each in fields if each is not None and each != [])
        return f"{type(value).__name__}({inner})"
    if isinstance(value, list):
        return f"[{','.join(map(canonical, value))}]"
    return repr(value)


def label(settings: object, code: str, versions: str) -> str:
    """What a result is identified by beside its inputs, short enough to read.

    `settings 1f0c..., code 9a21..., versions python-3.11.7 torch-2.13.0`
    """
    return f"settings {digest(settings)}, code {code}, versions {versions}"


def digest(value: object) -> str:
    """Hash of a JSON value (hex)."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:DIGITS]
