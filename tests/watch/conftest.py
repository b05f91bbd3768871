"""A made-up study to watch."""

from pathlib import Path

import pytest

from made_up_study import StudyFolder


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    """A complete study of `base`, `nfm` and two sweep points."""
    return StudyFolder(tmp_path / "made_up").complete()
