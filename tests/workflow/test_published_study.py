"""The published study at full size, as far as a machine without a GPU can follow it: what would be launched."""

import subprocess
import sys

import pytest

from tiny_clone import Clone

DATA = {"download": 1, "tokenizer": 1, "tokens": 1}
AGGREGATION = {"manifest": 1, "tables": 1, "figures": 1, "page": 1, "report": 1}
JOBS = {
    # 7 main arms and 5 new sweep points; base and nfm under 3 seeds once more with one bit plan
    "config/parameter_golf.yaml": {"train": 26, "export": 32, "sliding": 32, "legal_ttt": 32, "match_plan": 1},
    # base and nfm under 10 seeds, each twice exported
    "config/parameter_golf_10seeds.yaml": {"train": 20, "export": 40, "sliding": 40, "legal_ttt": 40, "match_plan": 1},
}


@pytest.fixture(scope="module")
def empty_clone(tmp_path_factory):
    """A clone in which nothing has run."""
    return Clone(tmp_path_factory.mktemp("empty_clone"))


@pytest.mark.parametrize("configfile", JOBS)
def test_a_launch_has_these_jobs(empty_clone, configfile):
    empty_clone.configfile = configfile
    assert empty_clone.planned() == {**DATA, **JOBS[configfile], **AGGREGATION}


def test_a_dry_run_imports_no_torch(empty_clone):
    empty_clone.configfile = "config/parameter_golf.yaml"
    command = [sys.executable, "-X", "importtime", *empty_clone.command("-n", "--quiet", "all")[1:]]
    done = subprocess.run(
        command, cwd=empty_clone.folder, env=empty_clone.environment(), capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "flowgolf.study.study" in imported
    assert not {"torch", "matplotlib"} & imported  # pandas is Snakemake's own import
