"""What several test files share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
import yaml

from cluster.private_slurm import NEEDED
from flowgolf import ideas
from repository import ROOT

PROGRAMS = {
    "browser": ("chromium", "chromedriver"), "cluster": NEEDED, "workflow/test_storage.py": ("rsync",)
}  # fmt: skip
MISSING = {folder: [name for name in names if shutil.which(name) is None] for folder, names in PROGRAMS.items()}
if os.geteuid() != 0:
    MISSING["cluster"].append("root")
collect_ignore = [folder for folder, names in MISSING.items() if names]
LEFT_OUT = [f"tests/{folder} is left out, for want of {', '.join(MISSING[folder])}" for folder in collect_ignore]
if LEFT_OUT and os.environ.get("CI"):
    raise pytest.UsageError(f"nothing is left out where CI is set: {'; '.join(LEFT_OUT)}")
os.environ.setdefault("FLOWGOLF_SEAL", str(Path(tempfile.gettempdir(), f"flowgolf-tests-{os.getuid()}", "seal")))
hypothesis.settings.register_profile("busy machine", deadline=None)  # the clock says nothing where others run too
hypothesis.settings.load_profile("busy machine")
torch.set_num_threads(1)  # one thread a worker: results repeat to the bit, and workers do not crowd each other


@pytest.fixture(scope="session")
def quick_config() -> dict[str, Any]:
    """The quick study as written in config/config.yaml."""
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def config(quick_config: dict[str, Any]) -> dict[str, Any]:
    """A copy of the quick study to change."""
    return deepcopy(quick_config)


class Ideas:
    """Ideas that this process knows, as long as a test lasts."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch, self.paths = folder, patch, []

    def write(self, text: str) -> str:
        """Write an idea; its name is that of no other test, because a module is imported once."""
        path = self.folder / f"{self.folder.name.replace('-', '_')}_{len(self.paths)}.py"
        path.write_text(text)
        return self.know(path)

    def know(self, path: Path) -> str:
        """Make a file known; its name."""
        self.paths.append(path)
        self.patch.setenv(ideas.VARIABLE, os.pathsep.join(map(str, self.paths)))
        ideas.files.cache_clear()
        return path.stem


@pytest.fixture
def own_ideas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ideas]:
    """Ideas of a test, of kinds that settings name."""
    yield Ideas(tmp_path, monkeypatch)
    monkeypatch.undo()
    ideas.files.cache_clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what this machine cannot test."""
    for line in LEFT_OUT:
        terminalreporter.write_line(line)
