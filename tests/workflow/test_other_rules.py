"""Rules that the quick study does not use, run for real on the finished clone."""

import json
import math
from copy import deepcopy

import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.study.study import Study

pytestmark = pytest.mark.xdist_group("workflow")


def record(clone, variant, name):
    return json.loads((clone.results / "runs" / variant / "seed1" / name).read_text())


def make(clone, config, *targets):
    clone.write_config(config)
    done = clone.snakemake(*(f"results/tiny/runs/{target}" for target in targets))
    assert done.returncode == 0, done.stdout + done.stderr


def test_arms_can_be_exported_with_one_plan(clone):
    config = deepcopy(clone.config)
    config["variants"]["needy"] = {"export": {"plan": {1: 5}}}
    config["report"] = {"reference": "base", "two_by_two": ["base", "needy"], "matched_plan": True}
    make(clone, config, "base-plan=matched/seed1/export/export.json")
    assert record(clone, "base", "export/export.json")["int5_layers"] == []
    assert record(clone, "base-plan=matched", "export/export.json")["int5_layers"] == [1]


FIGURES = ("nats", "tokens", "bytes", "loss", "bpb")


def test_parts_of_a_sliding_evaluation_merge_to_the_same_total(clone):
    config = deepcopy(clone.config)
    config["variants"]["split"] = {"evaluate": {"sliding": {"shards": 3}}}
    make(clone, config, "split/seed1/sliding/sliding.json")
    whole, merged = (record(clone, variant, "sliding/sliding.json") for variant in ("base", "split"))
    assert len(merged["parts"]) == 3
    assert merged["tokens"] == whole["tokens"]
    assert merged["bytes"] == whole["bytes"]
    assert math.isclose(merged["nats"], whole["nats"], rel_tol=1e-12)
    assert [merged["roundtrip"][key] for key in FIGURES] == [whole["roundtrip"][key] for key in FIGURES]


def test_a_published_checkpoint_becomes_a_run(clone):
    gpt = GPT(Study(clone.config).variants["base"].model)
    gpt.init_weights(7)
    torch.save(gpt.state_dict(), clone.folder / "published.pt")
    config = deepcopy(clone.config)
    config["imports"] = {"imported": {"checkpoint": "published.pt", "seed": 1}}
    make(clone, config, "imported/seed1/sliding/sliding.json")
    run = record(clone, "imported", "train/run.json")
    assert run["parameters"] == sum(parameter.numel() for parameter in gpt.parameters())
    assert run["imported_from"] == "published.pt"
    assert record(clone, "imported", "sliding/sliding.json")["bpb"] > 1


def test_a_checkpoint_that_does_not_fit_is_refused_by_name(clone):
    torch.save({"tok_emb.weight": torch.zeros(1)}, clone.folder / "foreign.pt")
    config = deepcopy(clone.config)
    config["imports"] = {"foreign": {"checkpoint": "foreign.pt", "seed": 1}}
    clone.write_config(config)
    done = clone.snakemake("results/tiny/runs/foreign/seed1/train/run.json")
    assert done.returncode != 0
    assert "train foreign seed 1 failed: foreign.pt does not fit the model settings: missing " in done.stderr


def test_the_published_tables_come_out_of_our_code(clone):
    done = clone.snakemake("published")
    assert done.returncode == 0, done.stderr
    text = (clone.folder / "results" / "published" / "tables.md").read_text()
    assert "Findings: 2 of 39 printed figures do not follow from their own rows" in text
    assert "sd, sliding bpb: printed 0.00151, its own per-seed figures give 0.00154" in text


def test_a_result_page_trains_and_exports_nothing(clone):
    config = deepcopy(clone.config)
    for evaluation in config["base"]["evaluate"].values():
        evaluation["keep_nats"] = True  # what the bootstrap draws from
    clone.write_config(config)
    planned = clone.planned("result_page")
    assert planned["bootstrap"] == planned["result_page"] == 1
    assert not {"train", "export", "tokens"} & planned.keys()
