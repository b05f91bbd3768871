"""Whose library runs, and whose results a folder holds: two checkouts or two studies must not be taken for one."""

from pathlib import Path

import flowgolf
from flowgolf.files import read_json, write_json

OWNER = "study_of.json"


def foreign_library(workflow_folder: str | Path) -> str:
    """Say that the imported library is another checkout's than the rules; empty when it is not.

    Rules without a library beside them, of an installed package, take the installed one.
    """
    beside, imported = Path(workflow_folder, "workflow", "flowgolf"), Path(flowgolf.__file__).parent
    if not beside.is_dir() or beside.resolve() == imported.resolve():
        return ""
    return (
        f"the library that Python imports, {imported}, is not that of this checkout, {beside}: "
        "put this checkout's .venv/bin first on the PATH (make setup makes it), and unset PYTHONPATH"
    )


def foreign_results(results: str, source: str) -> str:
    """Say that a folder of results belongs to another configuration of the same name; empty when it does not."""
    record = Path(results, OWNER)
    if not record.is_file():
        return ""
    owner = read_json(record)["configuration"]
    if real_paths(owner) == real_paths(source) or not all(path.exists() for path in real_paths(owner)):
        return ""
    return (
        f"{source}: name: {results} holds the results of {owner}, which has the same name; "
        f"give this study another name, or delete {record} to let it take the folder over"
    )


def real_paths(source: str) -> list[Path]:
    """The files of a configuration, each in its one spelling: Snakemake makes some of them absolute."""
    return [Path(path).resolve() for path in source.split(", ")]


def claim(results: str, source: str) -> None:
    """Note which configuration a folder of results belongs to."""
    write_json(Path(results, OWNER), {"configuration": source})
