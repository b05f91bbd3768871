"""A setting that is switched away and back trains nothing, where there is a store of finished results."""

import re
from copy import deepcopy

import pytest

pytestmark = pytest.mark.xdist_group("workflow")
RUN = "results/tiny/runs/switched/seed1/train"


def test_switching_a_setting_away_and_back_trains_nothing(clone, tmp_path):
    weights = []
    for steps in (4, 5, 4):
        config = deepcopy(clone.config)
        config["variants"]["switched"] = {"train": {"steps": steps}}
        clone.write_config(config)
        if weights:
            shown = clone.snakemake("status").stdout
            assert re.search(r"^\| switched +\| 1 .*train outdated: other settings", shown, re.MULTILINE), shown
        done = clone.snakemake(f"{RUN}/run.json", "--config", f"cache={tmp_path / 'store'}")
        assert done.returncode == 0, done.stderr
        weights.append((clone.folder / RUN / "model.safetensors").read_bytes())
    assert "train switched seed 1: from the store" in done.stderr
    assert weights[0] == weights[2] != weights[1]
