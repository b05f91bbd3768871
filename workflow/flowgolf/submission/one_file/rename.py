"""Renames what a module refers to, as Python's scopes have it: a local name is never touched."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from flowgolf.submission.one_file.source import names_bound

Node = TypeVar("Node", bound=ast.AST)


class Scope(NamedTuple):
    """Names bound in a function, a comprehension or a class."""

    bound: set[str]
    is_class: bool


class Renamer(ast.NodeTransformer):
    """Gives definitions and references to them their names in the generated file."""

    def __init__(self, module: str, names: Mapping[str, str], modules: Mapping[str, Mapping[str, str]]) -> None:
        """`names` of the module -> new names; `modules` bound by imports -> the new names of what is in them."""
        self.module, self.names, self.modules = module, names, modules
        self.scopes: list[Scope] = []
        self.used: set[str] = set()
        """Global names that were met, as they are now."""

    def is_local(self, name: str) -> bool:
        """Whether a name means something of an enclosing function; a class's names are seen in its own body alone."""
        inner = reversed(self.scopes)
        return any(name in scope.bound and not (scope.is_class and depth) for depth, scope in enumerate(inner))

    @contextmanager
    def scope(self, bound: set[str], is_class: bool = False) -> Iterator[None]:
        """What is visited meanwhile is inside a scope."""
        self.scopes.append(Scope(bound, is_class))
        yield
        self.scopes.pop()

    def renamed(self, name: str) -> str:
        """The new name of a global one; ValueError where a local one hides it."""
        new = self.names.get(name, name)
        if new != name and self.is_local(new):
            raise ValueError(f"{self.module}: a local {new} hides the definition that {name} stands for: rename it")
        return new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Rename a reference to a definition; a module as a value is a ValueError."""
        if self.is_local(node.id):
            return node
        if node.id in self.modules:
            raise ValueError(f"{self.module}: uses the module {node.id} other than by the names in it")
        self.used.add(self.renamed(node.id))
        return ast.Name(self.renamed(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """`module.name` becomes the name of that definition; ValueError when there is none."""
        owner = node.value
        if not isinstance(owner, ast.Name) or owner.id not in self.modules or self.is_local(owner.id):
            self.generic_visit(node)
            return node
        if node.attr not in self.modules[owner.id]:
            raise ValueError(f"{self.module}: nothing named {node.attr} is defined in {owner.id}")
        self.used.add(self.modules[owner.id][node.attr])
        return ast.Name(self.modules[owner.id][node.attr], node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Decorators and defaults belong outside, the body inside."""
        node.decorator_list = [self.visit(part) for part in node.decorator_list]
        if not self.scopes:
            node.name = self.renamed(node.name)
        with self.function(node.args, names_bound(node.body)):
            node.body = [self.visit(part) for part in node.body]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        """Like a function."""
        with self.function(node.args, set()):
            node.body = self.visit(node.body)
        return node

    @contextmanager
    def function(self, arguments: ast.arguments, bound: set[str]) -> Iterator[None]:
        """Visit the defaults outside; inside, arguments and assigned names are local."""
        self.generic_visit(arguments)
        parts = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        with self.scope(bound | {part.arg for part in parts if part is not None}):
            yield

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """Bases and decorators belong outside."""
        for outside in (node.decorator_list, node.bases, node.keywords):
            outside[:] = [self.visit(part) for part in outside]
        if not self.scopes:
            node.name = self.renamed(node.name)
        with self.scope(names_bound(node.body), is_class=True):
            node.body = [self.visit(part) for part in node.body]
        return node

    def comprehension(self, node: Node) -> Node:
        """What a comprehension's loops bind is local to it."""
        targets = [part.target for part in node.generators]  # type: ignore[attr-defined]
        with self.scope(names_bound(targets)):
            self.generic_visit(node)
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension
