"""What runs again after a change, and what does not: on the real Snakefile, after a real run."""

import json
import re
from copy import deepcopy

import pandas as pd
import pytest

from flowgolf.study.stages import STAGES

pytestmark = pytest.mark.xdist_group("workflow")
AGGREGATION = {"manifest": 1, "tables": 1, "figures": 1, "page": 1, "report": 1}


def edit(clone, name, old, new):
    """Replace text in a file of the library; returns what it was."""
    path = clone.folder / "workflow" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text


def test_a_run_leaves_every_result(clone):
    seeds = pd.read_csv(clone.results / "tables" / "seeds.csv")
    assert len(seeds) >= 4
    for name in ("report.html", "tables/summary.md", "figures/training_curves.png"):
        assert (clone.results / name).stat().st_size > 0
    run = clone.results / "runs" / "nfm" / "seed1"
    assert sorted(path.name for path in run.iterdir()) == ["export", "legal_ttt", "sliding", "train"]
    assert not (clone.results / "runs" / "nfm-loss_weight=0.1").exists()
    for record in ("train/run.json", "export/export.json", "sliding/sliding.json", "legal_ttt/legal_ttt.json"):
        made = json.loads((run / record).read_text())
        assert made["environment"]["TORCH_SHOW_CPP_STACKTRACES"] == "0"
        assert made.get("precision", "float32") == "float32"
    assert (clone.results / "logs" / "train" / "nfm" / "seed1.log").read_text().startswith("train nfm seed 1")


def test_afterwards_there_is_nothing_to_do(clone):
    assert clone.planned() == {}


TOUCHED = [
    "study.yaml",
    "workflow/scripts/train.py",
    "workflow/flowgolf/train/optimisers/muon.py",
    "results/tiny/data/data.json",
    "results/tiny/runs/nfm/seed1/train/model.safetensors",
    "results/tiny/runs/nfm/seed1/export/artifact.bin",
]


def test_touching_files_runs_nothing(clone):
    for name in TOUCHED:
        (clone.folder / name).touch()
    assert clone.planned() == {}


def test_a_sweep_value_costs_one_run_and_the_aggregation(clone):
    config = deepcopy(clone.config)
    config["sweeps"]["loss_weight"]["values"].append(0.5)
    clone.write_config(config)
    assert clone.planned() == {"train": 1, "export": 1, "sliding": 1, "legal_ttt": 1, **AGGREGATION}
    dry = clone.snakemake("-n")
    assert '"matched"' not in dry.stdout + dry.stderr  # the list of runs, 30 KB, is no reason to print


def test_a_seed_costs_one_run_per_variant_and_the_aggregation(clone):
    config = deepcopy(clone.config)
    config["seeds"].append(3)
    clone.write_config(config)
    assert clone.planned() == {"train": 2, "export": 2, "sliding": 2, "legal_ttt": 2, **AGGREGATION}


def test_an_evaluation_sweep_trains_nothing(clone):
    config = deepcopy(clone.config)
    config["sweeps"]["epochs"] = {"of": "nfm", "key": "evaluate.legal_ttt.epochs", "values": [1, 2], "seeds": [1]}
    clone.write_config(config)
    assert clone.planned() == {"legal_ttt": 1, **AGGREGATION}


def test_changing_an_evaluation_setting_only_evaluates(clone):
    config = deepcopy(clone.config)
    config["base"]["evaluate"]["sliding"]["stride"] = 16
    clone.write_config(config)
    assert clone.planned() == {"sliding": 5, **AGGREGATION}


SCORED = {"sliding": 5, "legal_ttt": 5, **AGGREGATION}
EXPORTED = {"export": 5, **SCORED}
TRAINED = {"train": 5, **EXPORTED}
OPTION = "later: bool = added(False, as_before=False)"
FREE = [
    # what a job says and how it runs, who watches
    ("flowgolf/running/progress.py", "taken", "used"),
    ("flowgolf/running/lock.py", "", "\nNEW = 1\n"),
    ("flowgolf/running/store.py", "", "\nNEW = 1\n"),
    ("flowgolf/watch/status.py", "", "\nNEW = 1\n"),
    ("flowgolf/study/manifest.py", "", "\nNEW = 1\n"),
    # comments and docstrings
    ("flowgolf/train/optimisers/muon.py", '"""', '"""Another word. '),
    ("flowgolf/train/groups.py", "", "\n# a remark\n"),
    # what no arm uses
    ("flowgolf/model/parts/flow_refiner.py", "", "\nNEW = 1\n"),
    ("flowgolf/train/settings.py", "    steps: int", f"    {OPTION}\n    steps: int"),
    ("flowgolf/evaluate/settings.py", "", "\n\nclass NewSettings(Settings):\n    size: int = 1\n"),
]
"""Edits that rerun nothing."""
EDITS = [
    # report: what is drawn from it
    ("flowgolf/report/pages/evidence.py", "", "\nNEW = 1\n", {"page": 1, "report": 1}),
    ("flowgolf/report/plots/curve_plots.py", "", "\nNEW = 1\n", {"figures": 1, "page": 1, "report": 1}),
    ("flowgolf/report/tables/per_seed.py", "", "\nNEW = 1\n", {"tables": 1, "page": 1, "report": 1}),
    # one evaluation, both, export, training
    ("flowgolf/evaluate/legal_ttt.py", "", "\nNEW = 1\n", {"legal_ttt": 5, **AGGREGATION}),
    ("flowgolf/evaluate/adapt.py", "", "\nNEW = 1\n", {"legal_ttt": 5, **AGGREGATION}),
    ("flowgolf/evaluate/sliding.py", "", "\nNEW = 1\n", {"sliding": 5, **AGGREGATION}),
    ("flowgolf/scoring/slide.py", "", "\nNEW = 1\n", SCORED),
    ("flowgolf/scoring/ledger.py", "", "\nNEW = 1\n", SCORED),
    ("flowgolf/export/unpack.py", "", "\nNEW = 1\n", EXPORTED),
    ("flowgolf/scoring/score.py", "", "\nNEW = 1\n", TRAINED),  # training validates with it
    ("flowgolf/train/optimisers/muon.py", "3.4445", "3.4444", TRAINED),
    ("flowgolf/train/trainer.py", "", "\nNEW = 1\n", TRAINED),
    # a part of the model: the arms that have it
    ("flowgolf/model/parts/flow_matcher.py", "", "\nNEW = 1\n", {**dict.fromkeys(STAGES, 3), **AGGREGATION}),
    ("flowgolf/model/gpt.py", "", "\nNEW = 1\n", TRAINED),
]


def test_what_cannot_change_a_figure_reruns_nothing(clone):
    for name, old, new in FREE:
        change(clone, name, old, new)
    parts = clone.folder / "workflow" / "flowgolf" / "model" / "parts"
    part = parts / "another.py"
    part.write_text(
        (parts / "logit_scale.py").read_text().replace("LogitScale", "Another") + f"LONG = {'x' * 9000!r}\n"
    )
    try:
        assert clone.planned() == {}
    finally:
        part.unlink()


@pytest.mark.parametrize(
    ("name", "old", "new", "reruns"), EDITS, ids=[f"{edit[0]}-{edit[1] or 'NEW'}" for edit in EDITS]
)
def test_what_an_edit_reruns(clone, name, old, new, reruns):
    change(clone, name, old, new)
    assert clone.planned() == reruns


def change(clone, name, old, new):
    """Replace text in a file of the library, or add some at its end."""
    path = clone.folder / "workflow" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new)
    if "added(" in new:
        path.write_text("from flowgolf.settings import added\n" + path.read_text())


def test_what_a_result_was_made_from_is_told_key_by_key_and_file_by_file(clone):
    config = deepcopy(clone.config)
    config["base"]["train"]["steps"] = 7
    clone.write_config(config)
    edit(clone, "flowgolf/train/optimisers/muon.py", "3.4445", "3.4444")
    told = clone.why("nfm", "train")
    assert told.returncode == 1
    assert told.stdout.splitlines()[:3] == [
        "train nfm seed 1 would run:",
        "  settings: train.steps 6 -> 7",
        "  code: flowgolf.train.optimisers.muon changed",
    ]


def test_why_says_when_nothing_is_to_do_and_whose_result_it_is(clone):
    told = clone.why("nfm-loss_weight=0.1", "sliding")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "sliding of nfm-loss_weight=0.1 is that of nfm: the same settings", "sliding nfm seed 1: up to date",
    ]  # fmt: skip


def test_why_names_inputs_and_outputs_that_are_not_what_they_were(clone):
    artifact = clone.results / "runs" / "nfm" / "seed1" / "export" / "artifact.bin"
    before = artifact.read_bytes()
    artifact.write_bytes(before + b"x")
    assert "  input: artifact (results/tiny/runs/nfm/seed1/export/artifact.bin) is not what it was" in (
        clone.why("nfm", "sliding").stdout
    )
    assert "  output: results/tiny/runs/nfm/seed1/export/artifact.bin is not what was left" in (
        clone.why("nfm", "export").stdout
    )
    artifact.write_bytes(before)


def test_why_names_the_nearest_variant(clone):
    told = clone.why("nmf", "train")
    assert told.returncode == 2
    assert "study.yaml: no variant 'nmf'; did you mean nfm?" in told.stderr


def test_what_is_made_again_with_the_same_bytes_sets_off_nothing(clone):
    """And a result of a version that did not say what it was made from is made once more, with a reason."""
    clone.write_config({**clone.config, "seeds": [1], "sweeps": {}})
    sliding = clone.results / "runs" / "nfm" / "seed1" / "sliding" / "sliding.json"
    old = sliding.with_name("made_from.json")
    before = sliding.read_bytes()
    old_state = clone.results / "state" / "train" / "nfm" / "seed1-000000000000"
    old_state.mkdir(parents=True)
    original = edit(clone, "flowgolf/export/record.py", "def export_record(", "NEW = 1\n\n\ndef export_record(")
    done = clone.snakemake()
    assert done.returncode == 0, done.stderr
    for stage in ("sliding", "legal_ttt"):
        assert done.stderr.count(f"{stage} nfm seed 1: unchanged, the same settings, code and inputs made it") == 1
    assert done.stderr.count("export nfm seed 1  done in") == 1
    assert sliding.read_bytes() == before
    assert not old_state.exists()  # of settings that are gone, once the study is complete
    assert clone.planned() == {}

    old.unlink()
    assert clone.planned() == {"sliding": 1, **AGGREGATION}
    dry = clone.snakemake("-n", "--quiet", "host")
    assert "Missing output files: results/tiny/runs/nfm/seed1/sliding/made_from.json" in dry.stdout + dry.stderr
    assert "was left by a version that did not say what it is made from" in clone.why("nfm", "sliding").stdout
    (clone.folder / "workflow" / "flowgolf/export/record.py").write_text(original)
    clone.write_config(clone.config)
    done = clone.snakemake()
    assert done.returncode == 0, done.stderr
    assert old.exists()
    assert clone.planned() == {}


def test_a_mistake_in_the_study_is_one_sentence_before_any_job(clone):
    config = deepcopy(clone.config)
    config["variants"]["nfm"]["model"]["flow_matcher"] = {"hiden_dim": 3}
    clone.write_config(config)
    run = clone.snakemake()
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert "study.yaml: variants.nfm.model.flow_matcher.hiden_dim: unknown key; did you mean hidden_dim?" in told
    assert "Traceback" not in told


def test_a_failed_run_leaves_the_others_and_shows_in_the_tables(clone):
    config = deepcopy(clone.config)
    config["variants"]["too_big"] = {"export": {"cap_bytes": 75100}}
    config["variants"]["one_window"] = {"evaluate": {"sliding": {"stride": 8}}}
    config["seeds"] = [1]
    clone.write_config(config)
    run = clone.snakemake()
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert "export too_big seed 1 failed: " in told
    assert (clone.results / "runs" / "one_window" / "seed1" / "sliding" / "sliding.json").exists()
    assert re.search(r"^\| too_big +\| 1 .*failed: cap_bytes 75100 too small", run.stdout, re.MULTILINE)
