"""One module of the package as the generated train_gpt.py takes it in: definitions alone, imports as tables."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from flowgolf import ideas
from flowgolf.provenance import WORKFLOW, is_text

LEFT_OUT = ("TYPE_CHECKING", "__name__ == '__main__'")
"""Conditions that do not hold when a module is imported."""


@dataclass
class Source:
    """A module without comments, docstrings, annotations of functions and imports."""

    name: str
    """Dotted: flowgolf.train.muon."""
    body: list[ast.stmt] = field(default_factory=list)
    """Its definitions, in order."""
    libraries: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Names that imports of libraries bind -> (`from torch.nn import`, `functional as F`)."""
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Names that imports of the package's definitions bind -> (module, name there)."""
    modules: dict[str, str] = field(default_factory=dict)
    """Names that imports of the package's modules bind -> module."""

    @cached_property
    def defined(self) -> set[str]:
        """Names that its definitions bind."""
        return names_bound(self.body)

    @property
    def needs(self) -> list[str]:
        """The package's modules that it imports, in order."""
        return list(dict.fromkeys([*(module for module, _ in self.imported.values()), *self.modules.values()]))


def read(name: str, stand_ins: Mapping[str, str], texts: Mapping[str, str]) -> Source:
    """Read a module; what it imports from one of `stand_ins` is taken from the module named there.

    `texts` are modules that are read from there instead of their file. ValueError when there is no such module.
    """
    if not file_of(name).is_file():
        raise ValueError(f"{name}: not a module of the package; import from the module that defines a name")
    tree = ast.parse(texts.get(name) or file_of(name).read_text())
    cleaner = Cleaner(name, stand_ins)
    kept = [part for node in tree.body for part in when_imported(node)]
    source = cleaner.source
    source.body = without_texts(cleaner.visit_all(kept))
    return source


def when_imported(node: ast.stmt) -> list[ast.stmt]:
    """What a statement comes to when a module is imported: of one of LEFT_OUT what stands under `else`."""
    return node.orelse if isinstance(node, ast.If) and ast.unparse(node.test) in LEFT_OUT else [node]


def file_of(name: str) -> Path:
    """The file of a dotted module name."""
    return ideas.file_of(name) or WORKFLOW.joinpath(*name.split(".")).with_suffix(".py")


def is_ours(name: str) -> bool:
    """Whether a dotted name belongs to the package, or to the ideas beside it."""
    return name.partition(".")[0] in ("flowgolf", ideas.PACKAGE)


def without_texts(body: list[ast.stmt]) -> list[ast.stmt]:
    """A body without bare strings; never empty."""
    return [node for node in body if not is_text(node)] or [ast.Pass()]


class Cleaner(ast.NodeTransformer):
    """Leaves out docstrings and annotations of functions, and moves imports into the module's tables."""

    def __init__(self, name: str, stand_ins: Mapping[str, str]) -> None:
        """Begin a module."""
        self.source = Source(name)
        self.stand_ins = stand_ins
        self.depth = 0  # of functions: what they import from a library is imported when they run

    def visit_all(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        """The statements that are left of several."""
        return [left for node in nodes if (left := self.visit(node)) is not None]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | None:
        """Note the import; only a function's import of a library stays."""
        assert node.module and not node.level, f"{self.source.name}: a relative import"
        module = self.stand_ins.get(node.module, node.module)
        if not is_ours(module) and self.depth:
            return node
        for alias in node.names:
            bound, path = alias.asname or alias.name, f"{module}.{alias.name}"
            path = self.stand_ins.get(path, path)
            if not is_ours(module):
                self.source.libraries[bound] = (f"from {module} import", ast.unparse(alias))
            elif file_of(path).is_file():
                self.source.modules[bound] = path
            else:
                self.source.imported[bound] = (module, alias.name)
        return None

    def visit_Import(self, node: ast.Import) -> ast.stmt | None:
        """Note the import; a function's stays."""
        if self.depth:
            return node
        for alias in node.names:
            self.source.libraries[alias.asname or alias.name] = ("import", ast.unparse(alias))
        return None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Drop annotations and docstring."""
        every = node.args
        for argument in (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg):
            if argument is not None:
                argument.annotation = None
        node.returns = None
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        node.body = without_texts(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """Drop docstrings; the annotations of a class are its fields and stay."""
        fields = {id(part) for part in node.body if isinstance(part, ast.AnnAssign)}
        node.body = without_texts([part if id(part) in fields else self.visit(part) for part in node.body])
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        """`x: int = 1` as `x = 1`; a mere declaration is left out."""
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else None


def names_bound(nodes: list[ast.stmt] | list[ast.AST]) -> set[str]:
    """Names that statements bind in the scope they stand in."""
    names: set[str] = set()
    pending: list[ast.AST] = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            walrus = [part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
            names |= {target.id for target in walrus}  # a walrus binds outside its comprehension
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            if isinstance(node, ast.ExceptHandler) and node.name:
                names.add(node.name)
            if isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            pending.extend(ast.iter_child_nodes(node))
    return names
