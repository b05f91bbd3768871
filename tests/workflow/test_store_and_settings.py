"""A setting that is switched away and back trains nothing, with a store."""

import shutil
from copy import deepcopy

import pytest

pytestmark = pytest.mark.xdist_group("workflow")


def test_switching_a_setting_away_and_back_trains_nothing(clone, tmp_path):
    shutil.copytree(clone.folder, tmp_path / "copy", symlinks=True)
    copy = shutil.copy  # noqa: F841
