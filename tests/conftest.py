"""What several test files share."""

import shutil
from copy import deepcopy
from typing import Any

import pytest
import torch
import yaml

from repository import ROOT

collect_ignore = [] if shutil.which("chromium") and shutil.which("chromedriver") else ["browser"]
torch.set_num_threads(1)  # one thread a worker: results repeat to the bit, and workers do not crowd each other


@pytest.fixture(scope="session")
def quick_config() -> dict[str, Any]:
    """The quick study as written in config/config.yaml."""
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def config(quick_config: dict[str, Any]) -> dict[str, Any]:
    """A copy of the quick study to change."""
    return deepcopy(quick_config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what this machine cannot test."""
    if collect_ignore:
        terminalreporter.write_line(f"left out, for want of chromium and chromedriver: tests/{collect_ignore[0]}")
