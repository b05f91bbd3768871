"""What runs again after a change, and what does not: on the real Snakefile, after a real run."""

import re
from copy import deepcopy

import pandas as pd
import pytest

pytestmark = pytest.mark.xdist_group("workflow")
DRAWN = {"tables": 1, "figures": 1, "page": 1, "report": 1}
AGGREGATION = {"manifest": 1, **DRAWN}


def edit(clone, name, old, new):
    path = clone.folder / "workflow" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_run_leaves_every_result(clone):
    seeds = pd.read_csv(clone.results / "tables" / "seeds.csv")
    assert len(seeds) >= 4
    for name in ("report.html", "tables/summary.md", "figures/training_curves.png"):
        assert (clone.results / name).stat().st_size > 0
    run = clone.results / "runs" / "nfm" / "seed1"
    assert sorted(path.name for path in run.iterdir()) == ["export", "legal_ttt", "sliding", "train"]
    assert not (clone.results / "runs" / "nfm-loss_weight=0.1").exists()
    assert (clone.results / "logs" / "train" / "nfm" / "seed1.log").read_text().startswith("train nfm seed 1")


def test_afterwards_there_is_nothing_to_do(clone):
    assert clone.planned() == {}


@pytest.mark.parametrize(
    "name",
    [
        "study.yaml",
        "workflow/scripts/train.py",
        "workflow/flowgolf/train/muon.py",
        "results/tiny/data/data.json",
        "results/tiny/runs/nfm/seed1/train/model.safetensors",
        "results/tiny/runs/nfm/seed1/export/artifact.bin",
    ],
)
def test_touching_a_file_runs_nothing(clone, name):
    (clone.folder / name).touch()
    assert clone.planned() == {}


def test_a_comment_or_a_docstring_runs_nothing(clone):
    edit(clone, "flowgolf/train/muon.py", '"""', '"""Another word. ')
    path = clone.folder / "workflow/flowgolf/train/groups.py"
    path.write_text(path.read_text() + "\n# a remark\n")
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


def test_editing_the_optimiser_retrains(clone):
    edit(clone, "flowgolf/train/muon.py", "3.4445", "3.4444")
    planned = clone.planned()
    assert {rule: planned[rule] for rule in ("train", "export", "sliding", "legal_ttt")} == {
        "train": 5, "export": 5, "sliding": 5, "legal_ttt": 5,
    }  # fmt: skip
    assert "tokens" not in planned


def test_editing_the_evaluation_never_retrains(clone):
    path = clone.folder / "workflow/flowgolf/evaluate/sliding.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    planned = clone.planned()
    assert planned["sliding"] == 5
    assert not {"train", "export", "legal_ttt", "tokens"} & planned.keys()


def test_editing_a_plot_only_redraws(clone):
    path = clone.folder / "workflow/flowgolf/report/plots/plots.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    assert clone.planned() == {"figures": 1, "page": 1, "report": 1}


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
    config["variants"]["too_big"] = {"export": {"cap_bytes": 115100}}
    config["variants"]["one_window"] = {"evaluate": {"sliding": {"stride": 8}}}
    config["seeds"] = [1]
    clone.write_config(config)
    run = clone.snakemake()
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert "export too_big seed 1 failed: " in told
    assert (clone.results / "runs" / "one_window" / "seed1" / "sliding" / "sliding.json").exists()
    assert re.search(r"^\| too_big +\| 1 .*failed: cap_bytes 115100 too small", run.stdout, re.MULTILINE)
