"""What several test files share."""

from copy import deepcopy
from typing import Any

import pytest
import torch
import yaml

from repository import ROOT

torch.set_num_threads(1)  # one thread a worker: results repeat to the bit, and workers do not crowd each other


@pytest.fixture(scope="session")
def quick_config() -> dict[str, Any]:
    """The quick study as written in config/config.yaml."""
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def config(quick_config: dict[str, Any]) -> dict[str, Any]:
    """A copy of the quick study to change."""
    return deepcopy(quick_config)
