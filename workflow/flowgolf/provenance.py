"""Where a figure comes from: fingerprints of code, and the facts of the process that made it."""

import ast
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

WORKFLOW = Path(__file__).resolve().parents[1]


class Source(NamedTuple):
    """What of a file decides whether results made with it still hold."""

    text: str
    """Its code without comments, docstrings and layout."""
    imports: tuple[str, ...]
    """Dotted flowgolf names that it imports; `from a import b` gives both `a` and `a.b`."""


@cache
def fingerprint(script: str | Path) -> str:
    """Hash of a script and of every flowgolf module that it imports, directly or not (hex, 12 digits).

    Comments, docstrings and layout do not count; the closure follows the import statements. Computed once a process.
    """
    digest = sha256()
    for path in sorted(closure(Path(script))):
        digest.update(f"{path.name}\n{read_source(path).text}\n".encode())
    return digest.hexdigest()[:12]


def closure(script: Path) -> set[Path]:
    """`script` and the flowgolf sources that it reaches through imports, package `__init__` files included."""
    found: set[Path] = set()
    pending = [script]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(reached for name in read_source(path).imports for reached in sources_of(name))
    return found


@cache
def read_source(path: Path) -> Source:
    """Parse a file, once a process."""
    tree = ast.parse(path.read_text())
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not is_text(part)] or [ast.Pass()]
        elif isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = dict.fromkeys(name for name in imports if name.split(".")[0] == "flowgolf")
    return Source(ast.unparse(tree), tuple(ours))


@cache
def sources_of(name: str) -> tuple[Path, ...]:
    """Files that importing a dotted name runs: the module and the `__init__` of each package above it."""
    parts = name.split(".")
    paths = [WORKFLOW.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    paths.append(WORKFLOW.joinpath(*parts).with_suffix(".py"))
    return tuple(path for path in paths if path.is_file())


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring, or the description under a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
