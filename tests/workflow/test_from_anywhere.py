"""Snakemake from another folder, with another working directory, and as a module of another Snakefile.

That a path may hold spaces, parentheses and letters beyond ASCII is shown by all tests here: the clone's folder does.
"""

import shutil
import subprocess
import sys

import pytest
import yaml

pytestmark = pytest.mark.xdist_group("workflow")
MODULE = """
import yaml

module golf:
    snakefile: {snakefile!r}
    config: yaml.safe_load(open("a study (1).yaml"))

use rule * from golf as golf_*

rule mine:
    default_target: True
    input: "results/tiny/data/data.json"
    output: "mine.txt"
    shell: "cp {{input}} {{output}}"
"""


def snakemake(clone, folder, *arguments):
    """Run Snakemake in a folder that is not the clone."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=clone.environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def elsewhere(clone, tmp_path):
    """A folder with the study's configuration, and nothing else."""
    (tmp_path / "a study (1).yaml").write_text(yaml.safe_dump(clone.config))
    return tmp_path


def test_another_snakefile_and_another_working_directory(clone, elsewhere):
    study = elsewhere / "a study (1).yaml"
    arguments = ("--snakefile", clone.folder / "Snakefile", "--directory", elsewhere, "--configfile", study)
    snakemake(clone, "/", "results/tiny/data/data.json", *arguments)
    data = "results/tiny/data/data.json"
    assert (elsewhere / data).read_text() == (clone.folder / data).read_text()


def test_snakemakes_own_report_from_another_folder(clone, elsewhere):
    report = clone.results / "snakemake_report.html"
    report.unlink()
    arguments = ("--snakefile", clone.folder / "Snakefile", "--directory", clone.folder)
    target = report.relative_to(clone.folder)
    snakemake(clone, elsewhere, target, *arguments, "--configfile", clone.folder / "study.yaml")
    assert "tiny" in report.read_text()
    assert clone.planned() == {}


def test_snakemakes_own_report_is_that_of_a_study_named_on_the_command_line(clone):
    copy = clone.results.with_name("other")
    shutil.copytree(clone.results, copy)
    for name in ("study.yaml", "snakemake_report.html"):
        (copy / name).unlink()
    snakemake(clone, clone.folder, "report", "--configfile", "study.yaml", "--config", "name=other")
    text = (copy / "snakemake_report.html").read_text()
    assert '"results/other/report.html"' in text
    assert '"results/tiny/report.html"' not in text


def test_a_module_of_another_snakefile(clone, elsewhere):
    snakefile = str(clone.folder / "Snakefile")
    (elsewhere / "Snakefile").write_text(MODULE.format(snakefile=snakefile))
    snakemake(clone, elsewhere)
    assert (elsewhere / "mine.txt").read_text() == (clone.results / "data" / "data.json").read_text()
