"""Ideas beside a study: the arms that use them depend on them, and on nothing else of them, down to the submission."""

from copy import deepcopy

import pytest

from flowgolf.files import read_json
from flowgolf.study.stages import STAGES
from flowgolf.submission.folder import READABLE

pytestmark = pytest.mark.xdist_group("workflow")
ARMS = {
    "gain": {"model": {"head_gain": {"start": 0.5}}},
    "signed": {"train": {"scalar_optimizer": "sign_momentum"}},
}


@pytest.fixture
def with_ideas(clone):
    """The finished study with two arms more, each of which has an idea."""
    config = deepcopy(clone.config)
    config["ideas"] = ["ideas/head_gain.py", "ideas/sign_momentum.py"]
    config["variants"] |= ARMS
    config["seeds"] = [1]
    config["submission"]["variants"] = ["gain"]
    clone.write_config(config)
    yield clone
    clone.write_config(clone.config)
    done = clone.snakemake()  # the tables are those of the others' study again
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_idea_costs_its_arm_and_stands_in_all_that_is_made_of_it(with_ideas):
    clone = with_ideas
    planned = clone.planned()
    assert {stage: planned[stage] for stage in STAGES} == dict.fromkeys(STAGES, 2)
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

    edited = clone.folder / "ideas" / "head_gain.py"
    text = edited.read_text()
    try:
        edited.write_text(text.replace("y * self.gain", "self.gain * 1 * y"))
        planned = clone.planned()
        told = clone.why("gain", "train").stdout
    finally:
        edited.write_text(text)
    assert {stage: planned[stage] for stage in STAGES} == dict.fromkeys(STAGES, 1)
    assert "  code: flowgolf_ideas.head_gain changed" in told.splitlines()


def test_what_is_wrong_with_an_idea_is_told_before_any_job(clone):
    config = {**clone.config, "ideas": ["ideas/head_gain.py"], "variants": clone.config["variants"] | ARMS}
    clone.write_config(config)
    told = clone.snakemake("-n").stdout
    assert "study.yaml: variants.signed.train.scalar_optimizer: 'sign_momentum' is no optimiser" in told
    clone.write_config({**config, "ideas": ["ideas/head_gian.py"]})
    assert "head_gian.py: no such file" in clone.snakemake("-n").stdout
