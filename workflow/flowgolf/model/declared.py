"""What a part's file declares, read without importing it: a study is read without torch.

Of the file are executed the classes derived from Settings, the constants that these use, and imports from
typing, pydantic and flowgolf.settings; nothing else. Imports only the standard library until `settings` is called.
"""

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

READABLE = ("typing", "pydantic", "flowgolf.settings")
"""Modules that the settings of a part may import from."""
DESCRIBED, FIELD = "_Annotated", "_Field"  # names that no file has


class PartFileError(ValueError):
    """A part's file that cannot be read as one."""


@dataclass(frozen=True)
class Declared:
    """A part as its file declares it."""

    key: str
    """Its key under `model:`, the file's name."""
    file: Path
    module: str
    """Dotted name of its module."""
    class_name: str
    """Its class derived from Part."""
    block_name: str | None
    """Its settings block, the last class derived from Settings; None for a part that is only switched on."""
    purpose: str
    """What the file's docstring says first."""
    on: bool
    """Whether models have it by default: the constant ON."""
    after: str | None
    """The key under `model:` after which its own stands, the constant AFTER; None: at the end."""

    def settings(self) -> dict[str, type[Any]]:
        """Its settings classes by name; every call gives the same classes."""
        return executed(self.file, self.module)

    def field(self) -> tuple[Any, Any, str]:
        """Type, default and description of its key under `model:`."""
        if self.block_name is None:
            return bool, self.on, self.purpose
        block = self.settings()[self.block_name]
        title = self.purpose.partition(":")[0].removesuffix(".")
        return block | None, block() if self.on else None, f"{title}; null turns it off."


@cache
def declared(file: Path, module: str) -> Declared:
    """Read the file of a part; PartFileError for one without docstring, or without exactly one class of Part."""
    tree = parsed(file)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    parts = [node.name for node in classes if "Part" in base_names(node)]
    blocks = [node.name for node in settings_classes(tree)]
    text = ast.get_docstring(tree)
    if not text or len(parts) != 1:
        raise PartFileError(
            f"{file}: a part's file begins with a docstring and has one class derived from Part; "
            f"found {'a' if text else 'no'} docstring and {', '.join(parts) or 'no such class'}"
        )
    constants: dict[str, Any] = {
        name: node.value.value for name, node in assignments(tree).items() if isinstance(node.value, ast.Constant)
    }
    return Declared(
        key=file.stem,
        file=file,
        module=module,
        class_name=parts[0],
        block_name=blocks[-1] if blocks else None,
        purpose=text.partition("\n")[0],
        on=bool(constants.get("ON", False)),
        after=constants.get("AFTER"),
    )


def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file; a mistake in it is a PartFileError with its line."""
    try:
        return ast.parse(file.read_text())
    except SyntaxError as error:
        raise PartFileError(f"{file}:{error.lineno}: {error.msg}") from None


def base_names(node: ast.ClassDef) -> set[str]:
    """The plain names among a class's bases."""
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def settings_classes(tree: ast.Module) -> list[ast.ClassDef]:
    """Classes derived from Settings, or from one of them."""
    names, found = {"Settings"}, []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and names & base_names(node):
            names.add(node.name)
            found.append(node)
    return found


def assignments(tree: ast.Module) -> dict[str, ast.Assign | ast.AnnAssign]:
    """Statements that give a constant its value, by its name."""
    found: dict[str, ast.Assign | ast.AnnAssign] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


@cache
def executed(file: Path, module: str) -> dict[str, type[Any]]:
    """The settings classes of a file; what they need beyond READABLE is a PartFileError with file and line."""
    from typing import Annotated

    from pydantic import Field

    tree = parsed(file)
    classes = settings_classes(tree)
    for node in classes:
        describe(node)
    namespace: dict[str, Any] = {"__name__": module, DESCRIBED: Annotated, FIELD: Field}
    body = sorted(needed(file, tree, classes), key=lambda node: node.lineno)
    kept = ast.fix_missing_locations(ast.Module(body, []))
    exec(compile(kept, file, "exec"), namespace)
    return {node.name: namespace[node.name] for node in classes}


def describe(node: ast.ClassDef) -> None:
    """Give each field the text below it as its description; leave out annotations of methods, which nobody reads."""
    for statement, text in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            field = ast.Call(ast.Name(FIELD, ast.Load()), [], [ast.keyword("description", text.value)])
            inner = ast.Tuple([statement.annotation, field], ast.Load())
            statement.annotation = ast.Subscript(ast.Name(DESCRIBED, ast.Load()), inner, ast.Load())
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef):
            part.returns = None
        elif isinstance(part, ast.arg):
            part.annotation = None


def needed(file: Path, tree: ast.Module, classes: list[ast.ClassDef]) -> list[ast.stmt]:
    """The classes, the constants that they use, and the imports that are allowed."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module in READABLE]
    known = {alias.asname or alias.name for node in imports for alias in node.names}
    known |= {node.name for node in classes} | set(dir(builtins)) | {DESCRIBED, FIELD}
    constants, used = assignments(tree), []
    pending: list[ast.stmt] = list(classes)
    while pending:
        for name in free_names(pending.pop()):
            if name.id in constants and name.id not in known:
                used.append(constants[name.id])
                pending.append(constants[name.id])
            elif name.id not in known:
                raise PartFileError(
                    f"{file}:{name.lineno}: {name.id} is not known where settings are read, which is without torch; "
                    f"they may use {', '.join(READABLE)} and constants of the file"
                )
            known.add(name.id)
    return [*imports, *classes, *used]


def free_names(node: ast.stmt) -> Iterator[ast.Name]:
    """Names that a statement reads and does not bind itself."""
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    bound = {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
    bound |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    yield from (name for name in names if isinstance(name.ctx, ast.Load) and name.id not in bound)
