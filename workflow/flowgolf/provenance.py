"""Where a figure comes from: fingerprints of code, and the facts of the process that made it."""

import ast
import os
import platform
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

WORKFLOW = Path(__file__).resolve().parents[1]
LIBRARIES = ("torch", "numpy", "sentencepiece", "zstandard", "snakemake")


def fingerprint(script: str | Path) -> str:
    """Hash of a script and of every flowgolf module that it imports, directly or not (hex, 12 digits).

    Comments, docstrings and layout do not count; the closure follows the import statements.
    """
    digest = sha256()
    for source in sorted(closure(Path(script))):
        digest.update(f"{source.name}\n{code_text(source)}\n".encode())
    return digest.hexdigest()[:12]


def closure(script: Path) -> set[Path]:
    """`script` and the flowgolf sources that it reaches through imports, package `__init__` files included."""
    found: set[Path] = set()
    pending = [script]
    while pending:
        source = pending.pop()
        if source in found:
            continue
        found.add(source)
        for name in imported_names(source):
            pending.extend(sources_of(name))
    return found


def imported_names(source: Path) -> Iterator[str]:
    """Dotted flowgolf names that a module imports; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "flowgolf")


def sources_of(name: str) -> list[Path]:
    """Files that importing a dotted name runs: the module and the `__init__` of each package above it."""
    parts = name.split(".")
    paths = [WORKFLOW.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    paths.append(WORKFLOW.joinpath(*parts).with_suffix(".py"))
    return [path for path in paths if path.is_file()]


@cache
def code_text(source: Path) -> str:
    """The source without comments, docstrings and layout."""
    tree = ast.parse(source.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not is_text(part)] or [ast.Pass()]
    return ast.unparse(tree)


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring, or the description under a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def commit() -> str:
    """Commit of the checkout, `-dirty` when files differ from it; `unknown` outside a repository."""
    command = ["git", "-C", str(WORKFLOW), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def run_record() -> dict[str, Any]:
    """Commit, versions, host, SLURM job and time of this process, for the record of what it makes."""
    slurm = {key.lower(): os.environ.get(key) for key in ("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURMD_NODENAME")}
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "host": socket.gethostname(),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **slurm,
    }
