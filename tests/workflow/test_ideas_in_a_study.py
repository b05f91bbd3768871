"""Ideas beside a study: the arms that use them depend on them, and on nothing else of them, down to the submission."""

import json
import subprocess
import sys
from contextlib import contextmanager
from copy import deepcopy

import pytest

from flowgolf.files import read_json
from flowgolf.study.stages import STAGES
from flowgolf.submission.folder import READABLE
from repository import ROOT

pytestmark = pytest.mark.xdist_group("workflow")
ARMS = {
    "gain": {"model": {"head_gain": {"start": 0.5}}},
    "signed": {"train": {"scalar_optimizer": "sign_momentum"}},
    "norms": {"evaluate": {"legal_ttt": {"method": "norms_only_ttt"}}},
}


@pytest.fixture
def with_ideas(clone):
    """The finished study with more arms, each of which has an idea."""
    config = deepcopy(clone.config)
    config["ideas"] = sorted(f"ideas/{path.name}" for path in (ROOT / "ideas").glob("*.py"))
    config["variants"] |= ARMS
    config["seeds"] = [1]
    config["submission"]["variants"] = ["gain", "norms"]
    clone.write_config(config)
    yield clone
    clone.write_config(clone.config)
    done = clone.snakemake()  # the tables are those of the others' study again
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_idea_costs_its_arm_and_stands_in_all_that_is_made_of_it(with_ideas):
    clone = with_ideas
    planned = clone.planned()
    # norms has the weights of the baseline, and its own room for them: its train_gpt.py holds the idea
    assert {stage: planned[stage] for stage in STAGES} == {"train": 2, "export": 3, "sliding": 3, "legal_ttt": 3}
    done = clone.snakemake("all", "submission")
    assert done.returncode == 0, done.stdout + done.stderr
    tensors = read_json(clone.results / "runs" / "gain" / "seed1" / "train" / "run.json")["tensors"]
    gains = [each for name, each in tensors.items() if name.endswith("head_gain.gain")]
    assert len(gains) == 3 and {each["label"] for each in gains} == {"head gain"}
    signed = read_json(clone.results / "runs" / "signed" / "seed1" / "train" / "run.json")["tensors"]
    assert signed["skip_weights"]["optimizer"] == "sign_momentum"
    program = (clone.results / "submission" / "gain" / READABLE).read_text()
    assert "class HeadGain(" in program and "SignMomentum" not in program
    assert "head_gain" in (clone.results / "tables" / "arms.md").read_text()

    generated_file_scores_alike(clone)

    with (
        edited(clone, "head_gain", "y * self.gain", "self.gain * 1 * y"),
        edited(clone, "norms_only_ttt", "0.99", "0.98"),
    ):
        planned = clone.planned()
        told = [clone.why(*asked).stdout for asked in (("gain", "train"), ("norms", "legal_ttt"))]
    assert {stage: planned[stage] for stage in STAGES} == {"train": 1, "export": 1, "sliding": 1, "legal_ttt": 2}
    for name, text in zip(("head_gain", "norms_only_ttt"), told, strict=True):
        assert f"  code: flowgolf_ideas.{name} changed" in text.splitlines()


def generated_file_scores_alike(clone):
    """The train_gpt.py of an arm with a TTT method has it and gives its digits."""
    folder = clone.results / "submission" / "norms"
    assert "class NormsOnlyTTT(" in (folder / READABLE).read_text()
    command = [sys.executable, "-P", "train_gpt.py", "evaluate", "--data", str(clone.results / "data")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    run = clone.results / "runs" / "norms" / "seed1"
    for score in found[1:]:
        assert score["bpb"] == read_json(run / score["evaluation"] / f"{score['evaluation']}.json")["bpb"]
    base = read_json(clone.results / "runs" / "base" / "seed1" / "legal_ttt" / "legal_ttt.json")
    assert found[-1]["bpb"] != base["bpb"]


@contextmanager
def edited(clone, name, old, new):
    """An idea of the clone with another text meanwhile."""
    path = clone.folder / "ideas" / f"{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def test_what_is_wrong_with_an_idea_is_told_before_any_job(clone):
    config = {**clone.config, "ideas": ["ideas/head_gain.py"], "variants": clone.config["variants"] | ARMS}
    clone.write_config(config)
    told = clone.snakemake("-n").stdout
    assert "study.yaml: variants.signed.train.scalar_optimizer: 'sign_momentum' is no optimiser" in told
    assert "study.yaml: variants.norms.evaluate.legal_ttt.method: 'norms_only_ttt' is no TTT method" in told
    clone.write_config({**config, "ideas": ["ideas/head_gian.py"]})
    assert "head_gian.py: no such file" in clone.snakemake("-n").stdout
