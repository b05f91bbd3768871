"""Modules of the package as one text: the definitions that an entry module's `main` reaches, each under one name.

A name that two modules define, that a library's import or Python itself has too, or that is used as `module.name`,
is prefixed with its module: `schedule_rate_multiplier`.
"""

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flowgolf.submission.one_file.rename import Renamer
from flowgolf.submission.one_file.source import Source, names_bound, read

Names = dict[str, dict[str, str]]


class Definition(NamedTuple):
    """One statement of the generated file."""

    module: str
    names: set[str]
    """What it defines."""
    used: set[str]
    """What it refers to, its own names included."""
    text: str


def flatten(
    entry: str, stand_ins: Mapping[str, str], packages: Sequence[str], texts: Mapping[str, str] | None = None
) -> str:
    """The text of all that `main` of the module `entry` reaches; `stand_ins` take the place of other modules.

    `texts` are read in place of the files of the modules that they are named after.
    ValueError for what cannot be told apart in one namespace, for code that runs when a module is imported, and for a
    library that is neither Python's own nor one of `packages`. What a function imports when it runs is left to it.
    """
    sources = reached(entry, stand_ins, texts or {})
    names = new_names(sources, entry)
    definitions = [each for source in sources.values() for each in defined(source, names)]
    kept = needed("main", definitions)
    used = {name for each in kept for name in each.used}
    parts = ["\n".join(library_imports(sources, used, {*packages, *sys.stdlib_module_names}))]
    for module in sources:
        lines = [each.text for each in kept if each.module == module]
        parts += [f"# {module}\n{lines[0]}", *lines[1:]] if lines else []
    return "\n\n".join(parts) + "\n"


def library_imports(sources: Mapping[str, Source], used: set[str], allowed: set[str]) -> list[str]:
    """The import statements of all names that are used, one a library's module.

    ValueError for a name with two meanings, and for a library that is not allowed.
    """
    bound: dict[str, tuple[str, str]] = {}
    for source in sources.values():
        for name, meaning in source.libraries.items():
            if name in used and bound.setdefault(name, meaning) != meaning:
                raise ValueError(f"{source.name}: imports another {name} than a module before it: rename one")
            library = library_of(*meaning)
            if name in used and library not in allowed:
                raise ValueError(f"{source.name}: needs {library}, which one file for a submission may not import")
    plain = [f"import {what}" for how, what in sorted(bound.values()) if how == "import"]
    groups: dict[str, list[str]] = {}
    for how, what in sorted(bound.values()):
        groups.setdefault(how, []).append(what)
    return plain + [f"{how} {', '.join(names)}" for how, names in groups.items() if how != "import"]


def library_of(how: str, what: str) -> str:
    """The library that `from a.b import`, `c` or `import`, `a.b as c` imports from: a."""
    return (what if how == "import" else how.split()[1]).split()[0].partition(".")[0]


def reached(entry: str, stand_ins: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, Source]:
    """The entry module and all that it imports, each after those that it needs."""
    found: dict[str, Source] = {}
    under_way: set[str] = set()

    def visit(name: str) -> None:
        if name in under_way:
            return
        under_way.add(name)
        source = read(name, stand_ins, texts)
        for needs in source.needs:
            visit(needs)
        found[name] = source

    visit(entry)
    return found


def new_names(sources: Mapping[str, Source], entry: str) -> Names:
    """For each module its definitions -> their names in the generated file; the entry module's stay."""
    definers = Counter(name for source in sources.values() for name in source.defined)
    taken = {name for source in sources.values() for name in source.libraries} | set(dir(builtins))
    qualified = {each for source in sources.values() for each in qualified_uses(source)}

    def new(module: str, name: str) -> str:
        alone = definers[name] == 1 and (module, name) not in qualified
        stays = name not in taken and (alone or module == entry)
        return name if stays else f"{module.rpartition('.')[2]}_{name}"

    names = {module: {name: new(module, name) for name in source.defined} for module, source in sources.items()}
    twice = [
        name for name, count in Counter(name for each in names.values() for name in each.values()).items() if count > 1
    ]
    if twice:
        raise ValueError(f"two definitions would be named {min(twice)} in one file: rename one")
    return names


def qualified_uses(source: Source) -> set[tuple[str, str]]:
    """Definitions of other modules that a module refers to as `module.name`."""
    return {
        (source.modules[node.value.id], node.attr)
        for statement in source.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in source.modules
    }


def defined(source: Source, names: Names) -> list[Definition]:
    """The definitions of a module under their new names."""
    table = dict(names[source.name])
    for bound, (module, name) in source.imported.items():
        if name not in names[module]:
            raise ValueError(f"{source.name}: imports {name}, which {module} does not define")
        table[bound] = names[module][name]
    modules = {bound: names[module] for bound, module in source.modules.items()}
    definitions = []
    for statement in source.body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.Pass):
            raise ValueError(f"{source.name}: `{ast.unparse(statement)[:60]}` runs when the module is imported")
        renamer = Renamer(source.name, table, modules)
        node = ast.fix_missing_locations(renamer.visit(statement))
        definitions.append(Definition(source.name, names_bound([node]), renamer.used, ast.unparse(node)))
    return definitions


def needed(root: str, definitions: list[Definition]) -> list[Definition]:
    """The definitions that `root` reaches, in order."""
    by_name = {name: each for each in definitions for name in each.names}
    met: set[str] = set()
    pending = [root]
    while pending:
        name = pending.pop()
        if name not in met:
            met.add(name)
            pending.extend(by_name[name].used | by_name[name].names if name in by_name else ())
    return [each for each in definitions if each.names & met]
