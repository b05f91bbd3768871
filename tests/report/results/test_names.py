"""File names of a report, known without a heavy import."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from flowgolf.report.plots.plots import plots
from flowgolf.report.results.names import figure_names, table_names
from flowgolf.report.tables.tables import tables


def test_every_named_table_is_written_and_no_other(study: Any, tmp_path: Path) -> None:
    tables(study.manifest_path, tmp_path / "tables")
    assert {path.name for path in (tmp_path / "tables").iterdir()} == set(table_names(["loss_weight"]))


def test_every_named_plot_is_written_and_no_other(study: Any, tmp_path: Path) -> None:
    plots(study.manifest_path, tmp_path / "figures")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == set(figure_names(["loss_weight"]))


def test_names_import_nothing_heavy() -> None:
    code = (
        "import sys, flowgolf.report.results.names;"
        "print(sorted({'pandas', 'numpy', 'matplotlib', 'scipy', 'torch'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
