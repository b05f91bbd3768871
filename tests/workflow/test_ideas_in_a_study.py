"""Ideas beside a study: the arms that use them depend on them, and on nothing else of them, down to the submission."""

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from copy import deepcopy

import pytest

from flowgolf.files import read_json, sha256
from flowgolf.study.stages import STAGES
from flowgolf.submission.folder import READABLE
from repository import ROOT

pytestmark = pytest.mark.xdist_group("workflow")
ARMS = {
    "gain": {"model": {"head_gain": {"start": 0.5}}, "train": {"qat_below": 0.6}},  # the last of six steps rounds
    "signed": {
        "train": {"scalar_optimizer": "sign_momentum", "schedule": "cosine"},
        "export": {"quantiser": "fitted_scale"},
    },
    "norms": {"evaluate": {"legal_ttt": {"method": "norms_only_ttt"}}},
}
EDITS = [
    ("head_gain", "y * self.gain", "self.gain * 1 * y"), ("norms_only_ttt", "0.99", "0.98"),
    ("cosine", "WARM_UP = 0.05", "WARM_UP = 0.06"), ("fitted_scale", "TURNS = 8", "TURNS = 9"),
]  # fmt: skip
USERS = {
    "head_gain": ("gain", "train"), "norms_only_ttt": ("norms", "legal_ttt"), "cosine": ("signed", "train"),
    "fitted_scale": ("signed", "export"),
}  # fmt: skip
"""Idea -> variant and stage that an edit of it runs again."""


@pytest.fixture
def with_ideas(clone):
    """The finished study with more arms, each of which has an idea."""
    config = deepcopy(clone.config)
    config["ideas"] = sorted(f"ideas/{path.name}" for path in (ROOT / "ideas").glob("*.py"))
    config["variants"] |= ARMS
    config["seeds"] = [1]
    config["submission"]["variants"] = list(ARMS)
    clone.write_config(config)
    yield clone
    clone.write_config(clone.config)
    done = clone.snakemake()  # the tables are those of the others' study again
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_idea_costs_its_arm_and_stands_in_all_that_is_made_of_it(with_ideas, tmp_path):
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
    for arm in ("gain", "signed"):
        generated_file_trains_alike(clone, arm, tmp_path / arm)

    with ExitStack() as edits:
        for name, old, new in EDITS:
            edits.enter_context(edited(clone, name, old, new))
        planned = clone.planned()
        told = {name: clone.why(*each).stdout for name, each in USERS.items()}
    assert {stage: planned[stage] for stage in STAGES} == {"train": 2, "export": 2, "sliding": 2, "legal_ttt": 3}
    for name, text in told.items():
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


def generated_file_trains_alike(clone, arm, folder):
    """The train_gpt.py of an arm with ideas of other kinds leaves the arm's artifact to the bit."""
    folder.mkdir()
    (folder / "train_gpt.py").write_bytes((clone.results / "submission" / arm / "train_gpt.py").read_bytes())
    command = [sys.executable, "-P", "train_gpt.py", "train", "--data", str(clone.results / "data"), "--seed", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = clone.results / "runs" / arm / "seed1" / "export"
    assert sha256(folder / "artifact.bin") == read_json(made / "export.json")["artifact_sha256"]


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
    clone.write_config({**config, "variants": {**clone.config["variants"], "norms": ARMS["norms"]}})
    told = clone.snakemake("-n").stdout
    assert "variants.norms.evaluate.legal_ttt.method: 'norms_only_ttt' is no TTT method; `ideas:` names none" in told
    clone.write_config({**config, "ideas": ["ideas/head_gian.py"]})
    assert "head_gian.py: no such file" in clone.snakemake("-n").stdout
