"""Two checkouts, two studies of one name or two releases of a library are not taken for one."""

from pathlib import Path

import pytest

import flowgolf
from flowgolf.study.errors import ConfigError
from flowgolf.study.ownership import claim, foreign_library, foreign_results
from flowgolf.study.runtime import declared_equal, installed, runtime
from flowgolf.study.study import Study
from repository import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where Snakemake runs, with two configurations."""
    monkeypatch.chdir(tmp_path)
    for name in ("one.yaml", "other.yaml"):
        Path(name).write_text("name: quick")
    return tmp_path


def test_the_library_of_another_checkout_is_refused(folder):
    (folder / "workflow" / "flowgolf").mkdir(parents=True)
    told = foreign_library(folder)
    assert told.startswith(f"the library that Python imports, {Path(flowgolf.__file__).parent}, is not that of this")
    assert "put this checkout's .venv/bin first on the PATH" in told


def test_ones_own_library_is_taken_however_its_path_is_written(folder):
    (folder / "link").symlink_to(ROOT)
    assert foreign_library(ROOT) == foreign_library(folder / "link") == ""


def test_rules_without_a_library_take_the_installed_one(folder):
    assert foreign_library(folder) == ""


def test_a_second_configuration_of_the_same_name_is_refused(folder):
    claim("results/quick", "one.yaml")
    assert foreign_results("results/quick", "one.yaml") == ""
    assert foreign_results("results/quick", str(folder / "one.yaml")) == ""
    assert foreign_results("results/quick", "other.yaml") == (
        "other.yaml: name: results/quick holds the results of one.yaml, which has the same name; "
        "give this study another name, or delete results/quick/study_of.json to let it take the folder over"
    )


def test_a_configuration_that_was_renamed_keeps_its_results(folder):
    claim("results/quick", "one.yaml")
    Path("one.yaml").rename("renamed.yaml")
    assert foreign_results("results/quick", "renamed.yaml") == ""


def test_results_of_nobody_are_free(folder):
    assert foreign_results("results/quick", "one.yaml") == ""


def test_versions_of_what_computes_identify_a_result():
    assert set(installed()) == {"python", "torch", "numpy"}
    assert runtime({}) == " ".join(f"{name}-{number}" for name, number in installed().items())


def test_releases_that_are_declared_equal_count_as_the_first():
    assert declared_equal("2.13.1", ["2.13.0", "2.13.1"]) == "2.13.0"
    assert declared_equal("2.14.0", ["2.13.0", "2.13.1"]) == "2.14.0"
    assert runtime({"numpy": ["1.0", installed()["numpy"]]}).endswith("numpy-1.0")


def test_only_what_identifies_a_result_can_be_declared_equal(config):
    with pytest.raises(ConfigError, match="equal_versions.*: pandas is none of python, torch, numpy"):
        Study({**config, "equal_versions": {"pandas": ["2.0"]}})


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"LD_PRELOAD": "x"}, ": LD_PRELOAD is no variable of a library; those begin with OMP_"),
        ({"NCCL_DEBUG": "a; b"}, ".NCCL_DEBUG: 'a; b' has characters besides letters, digits and"),
    ],
)
def test_the_environment_of_jobs_is_for_libraries(config, environment, message):
    Study({**config, "environment": {"NCCL_DEBUG": "INFO", "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}})
    with pytest.raises(ConfigError, match=f"environment{message}"):
        Study({**config, "environment": environment})
