"""The four rooms of the report: which may import which, and nothing that needs torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flowgolf.report

REPORT = Path(flowgolf.report.__file__).parent
MODULES = sorted(path for path in REPORT.rglob("*.py") if path.name != "__init__.py")
MAY_IMPORT = {
    "results": {"results"},
    "tables": {"results", "tables"},
    "plots": {"results", "plots"},
    "pages": {"results", "tables", "plots", "pages"},
}
OTHER_ROOMS = {"files", "study"}
STANDARD = set(sys.stdlib_module_names)


def dotted(path: Path) -> str:
    """`report.results.names` for its file."""
    return ".".join(path.relative_to(REPORT.parent).with_suffix("").parts)


def imported(path: Path) -> Iterator[str]:
    """Names of the flowgolf modules that a file imports, without `flowgolf.`, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.removeprefix("flowgolf.") for name in names if name.startswith("flowgolf."))


def broken_arrows(importer: str, names: list[str]) -> list[str]:
    """Those of the imported names that a module of the report may not import."""
    allowed = MAY_IMPORT[importer.split(".")[1]]
    return [
        name
        for name in names
        if not (name.split(".")[1] in allowed if name.startswith("report.") else name.split(".")[0] in OTHER_ROOMS)
    ]


def test_every_module_lies_in_a_room() -> None:
    assert {path.parent for path in MODULES} == {REPORT / room for room in MAY_IMPORT}


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_go_one_way_between_the_rooms(path: Path) -> None:
    assert broken_arrows(dotted(path), list(imported(path))) == []


@pytest.mark.parametrize(
    ("importer", "name"),
    [
        ("report.results.names", "report.tables.render.Table"),
        ("report.tables.render", "report.plots.style.save"),
        ("report.plots.style", "report.pages.captions.captions"),
        ("report.results.collect", "train.run.train"),
        ("report.pages.html_page", "watch.status.status"),
    ],
)
def test_an_arrow_against_the_drawing_is_seen(importer: str, name: str) -> None:
    assert broken_arrows(importer, ["files.read_json", "report.results.collect.Results", name]) == [name]


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = {dotted(path): path for path in MODULES}
    arrows = {
        name: {other for found in imported(path) for other in modules if f"{found}.".startswith(f"{other}.")}
        for name, path in modules.items()
    }
    while free := [name for name, targets in arrows.items() if not targets]:
        arrows = {name: targets - set(free) for name, targets in arrows.items() if name not in free}
    assert not arrows, f"import circle among {sorted(arrows)}"


def test_no_module_has_the_name_of_one_of_the_standard_library() -> None:
    watch = REPORT.parent / "watch"
    assert not [path for path in (*MODULES, *watch.glob("*.py")) if path.stem in STANDARD]


def test_nothing_in_the_report_imports_torch() -> None:
    names = [f"flowgolf.{dotted(path)}" for path in MODULES]
    code = f"import sys, {', '.join(names)}; print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"
