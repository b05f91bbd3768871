"""Ideas: files beside a study, told apart by what they are derived from, refused with file and line."""

import os
import subprocess
import sys

import pytest

from flowgolf import ideas
from repository import ROOT

PART = "from flowgolf.model.part import Part\n\n\nclass Mine(Part):\n    pass\n"
OPTIMISER = "import torch\n\n\nclass Mine(torch.optim.Optimizer):\n    pass\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_what_a_file_brings_is_what_its_class_is_derived_from(file):
    assert ideas.kind_of(file(PART, "a.py")) == "part"
    assert ideas.kind_of(file(OPTIMISER, "b.py")) == "optimiser"
    assert {ideas.kind_of(path) for path in (ROOT / "ideas").glob("*.py")} == set(ideas.KINDS.values())


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "x = 1\n",
            "mine.py",
            "mine.py: an idea has a class derived from one of Part, Optimizer, TTTMethod, RateSchedule, Quantiser; "
            "found 0 of these",
        ),
        (PART + OPTIMISER, "mine.py", "found 2 of these kinds"),
        ("class (\n", "mine.py", "mine.py:1: invalid syntax"),
        (
            "import os\nimport helper\n" + PART,
            "mine.py",
            "mine.py:2: imports helper; an idea is one file that may import",
        ),
        (
            "from . import helper\n" + PART,
            "mine.py",
            r"mine.py:1: imports \.; an idea is one file that may import flowgolf",
        ),
        (PART, "my part.py", "my part.py: no such file, or not one whose name is a Python name and ends in .py"),
    ],
)
def test_a_file_that_cannot_serve_is_one_sentence(file, text, name, message):
    with pytest.raises(ideas.IdeaError, match=message):
        ideas.kind_of(file(text, name))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ideas.IdeaError, match="ideas: .*gone.py: no such file"):
        ideas.announce({"ideas": [str(tmp_path / "gone.py")]})


def test_what_is_no_list_of_paths_is_refused():
    with pytest.raises(ideas.IdeaError, match="ideas: input should be a list of paths, found 'mine.py'"):
        ideas.announce({"ideas": "mine.py"})


def test_two_ideas_of_one_name_are_refused(file, tmp_path, monkeypatch):
    (tmp_path / "more").mkdir()
    first, second = file(PART), file(PART, "more/mine.py")
    monkeypatch.setenv(ideas.VARIABLE, f"{first}{os.pathsep}{second}")
    ideas.files.cache_clear()
    with pytest.raises(ideas.IdeaError, match="more/mine.py: .*mine.py has this name already; rename one of them"):
        ideas.files()
    ideas.files.cache_clear()


def test_settings_that_were_read_before_are_not_changed_silently(file):
    import flowgolf.model.settings  # noqa: F401

    with pytest.raises(ideas.IdeaError, match="this process has read the settings of another study already"):
        ideas.announce({"ideas": [str(file(PART))]})


def alone(script, *paths):
    """What a new process with these ideas prints, or the last line of its error."""
    environment = {**os.environ, ideas.VARIABLE: os.pathsep.join(map(str, paths))}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


READ = "from flowgolf.model.settings import ModelSettings; print(ModelSettings.model_validate({{'{key}': {value}}}))"


def test_an_idea_is_a_key_of_the_model_and_its_values_are_checked():
    path = ROOT / "ideas" / "head_gain.py"
    assert "head_gain=HeadGainSettings(start=2.0)" in alone(READ.format(key="head_gain", value={"start": 2.0}), path)


def test_a_name_that_the_package_has_is_refused(file):
    told = alone(READ.format(key="smear", value=True), file(PART, "smear.py"))
    assert told.endswith("smear.py: the package has a part smear already; rename the file")
    optimiser = "from flowgolf.train import registry; registry.names()"
    told = alone(optimiser, file(OPTIMISER, "muon.py"))
    assert told.endswith("muon.py: the package has an optimiser muon already; rename the file")


def test_a_file_that_cannot_be_imported_names_its_line(file):
    path = file("raise OSError('no such thing')\n" + OPTIMISER)
    told = alone("from flowgolf.train import registry; registry.optimiser_class('mine')", path)
    assert told.endswith("mine.py:1: OSError: no such thing")
