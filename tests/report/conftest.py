"""Made-up studies for the report."""

from collections.abc import Callable
from pathlib import Path

import pytest

from made_up_study import StudyFolder


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    """A complete study of `base`, `nfm` and two sweep points."""
    return StudyFolder(tmp_path / "made_up").complete()


@pytest.fixture
def new_study(tmp_path: Path) -> Callable[[int], StudyFolder]:
    """Makes a study with so many sweep points and no records yet."""
    return lambda num_points: StudyFolder(tmp_path / f"points{num_points}", num_points)
