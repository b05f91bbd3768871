"""Where records lie, which jobs make them, and what the manifest says of them: the writer's side."""

import pytest

from flowgolf.study.expected import Expected
from flowgolf.study.jobs import Job, jobs, timed, watched
from flowgolf.study.layout import Layout
from flowgolf.study.manifest import manifest
from flowgolf.study.stages import STAGES
from flowgolf.study.study import Run, Study

POINT = "nfm-loss_weight=0.1"  # the value that nfm has anyway


@pytest.fixture
def layout(config):
    """The quick study with an arm in parts, one that is imported and one that keeps the loss of each position."""
    config["variants"]["split"] = {"evaluate": {"sliding": {"shards": 3}}}
    config["variants"]["kept"] = {"evaluate": {"legal_ttt": {"keep_nats": True}}}
    config["imports"] = {"imported": {"checkpoint": "model.pt", "seed": 42}}
    return Layout(Study(config))


def test_equal_settings_share_their_files(layout):
    assert layout.path("train", "model", Run(POINT, 42)) == "results/quick/runs/nfm/seed42/train/model.safetensors"
    assert layout.path("sliding", "record", Run("split", 42)) == "results/quick/runs/split/seed42/sliding/sliding.json"
    assert layout.path("train", "record", Run("split", 42)) == "results/quick/runs/base/seed42/train/run.json"


def test_every_computed_run_says_once_a_stage_what_it_was_made_from(layout):
    origins = layout.origins()
    assert len(origins) == len(set(origins)) == sum(len(layout.study.stage_runs(stage)) for stage in STAGES)
    assert all(path.endswith("/made_from.json") for path in origins)


def test_parts_lie_below_the_whole(layout):
    assert layout.part("checks").format(variant="split", seed=42, part=1) == (
        "results/quick/runs/split/seed42/sliding/parts/1.checks.json"
    )


def test_kept_losses_belong_to_the_result_that_keeps_them(layout):
    assert layout.kept_nats("legal_ttt", "kept", "42") == {
        "nats": "results/quick/runs/kept/seed42/legal_ttt/legal_ttt.npz"
    }
    assert layout.kept_nats("sliding", "kept", "42") == layout.kept_nats("train", "kept", "42") == {}


def test_a_state_belongs_to_what_is_to_be_made(layout):
    one, other = (layout.state("train", Run("nfm", 42), label) for label in ("settings a", "settings b"))
    assert one != other
    assert one.startswith("results/quick/state/train/nfm/seed42-")


def test_jobs_are_those_of_the_rules(layout, config):
    assert list(jobs(layout, "sliding", Run("split", 42))) == [
        Job("sliding_part", Run("split", 42), part) for part in range(3)
    ]
    (imported,) = jobs(layout, "train", Run("imported", 42))
    assert imported.log("results/quick") == "results/quick/logs/import_checkpoint/imported/seed42.log"
    (shared,) = jobs(layout, "export", Run(POINT, 42))
    assert shared.queue_name == "rule_export_wildcards_nfm_42"
    config["variants"]["nfm"]["export"] = {"calibration_batches": 1}
    (calibrated,) = jobs(Layout(Study(config)), "export", Run("nfm", 42))
    assert calibrated.log("r") == "r/logs/calibrated_export/nfm/seed42.log"
    (part, *_) = jobs(layout, "sliding", Run("split", 42))
    assert part.queue_name == "rule_sliding_part_wildcards_split_42_0"
    assert part.log("r") == "r/logs/sliding_part/split/seed42.0.log"


def label(stage, variant):
    return f"{stage} of {variant}"


def test_the_manifest_locates_every_declared_run(layout):
    made = manifest(layout, label)
    assert [(run["variant"], run["seed"]) for run in made["runs"]] == list(dict.fromkeys(layout.study.runs))
    entry = next(run for run in made["runs"] if run["variant"] == POINT)
    assert entry["train"] == "results/quick/runs/nfm/seed42/train/run.json"
    assert entry["legal_ttt_csv"] == "results/quick/runs/nfm/seed42/legal_ttt/legal_ttt.csv"
    assert entry["expected"]["train"] == "train of nfm"
    assert entry["failed"]["export"] == "results/quick/failed/export/nfm/seed42.json"
    assert entry["made_from"]["sliding"] == "results/quick/runs/nfm/seed42/sliding/made_from.json"
    assert set(entry["state"]) == {"train", "legal_ttt"}
    assert made["sweeps"]["loss_weight"]["variants"][0].startswith("nfm-loss_weight=")


def test_who_watches_is_told_the_jobs(layout):
    entry = next(run for run in watched(layout, label)["runs"] if run["variant"] == "split")
    assert len(entry["jobs"]["sliding"]) == 3
    assert entry["jobs"]["train"][0]["queue_name"] == "rule_train_wildcards_base_42"


def test_an_estimate_is_told_every_long_job_and_what_it_waits_for(layout):
    told = timed(layout)
    stages = [job["stage"] for job in told["jobs"]]
    assert "export" not in stages
    assert stages.count("train") == len(layout.study.stage_runs("train")) - 1  # one is imported
    sliding = next(job for job in told["jobs"] if job["record"].endswith("runs/split/seed42/sliding/sliding.json"))
    assert sliding["needs"] == "results/quick/runs/base/seed42/train/run.json"
    assert sliding["settings"]["evaluate"]["sliding"]["shards"] == 3


@pytest.fixture
def expected(layout):
    """What results must be made from, with a code of 1,000 bytes."""
    return Expected(layout.study, lambda run, wrapped: 1000)


def test_settings_of_how_a_stage_is_computed_identify_nothing(config):
    before = Expected(Study(config), lambda run, wrapped: 1000)
    config["base"]["train"] |= {"threads": 2, "devices": 1, "tensorboard": True, "checkpoint_every": 7}
    for evaluation in config["base"]["evaluate"].values():
        evaluation |= {"threads": 2, "memory_mb": 64, "batch_windows": 3}
    config["base"]["evaluate"]["legal_ttt"]["save_every_chunks"] = 3
    after = Expected(Study(config), lambda run, wrapped: 1000)
    for stage in STAGES:
        assert before.label(stage, "base") == after.label(stage, "base")
        assert before.settings(stage, "base") != after.settings(stage, "base") or stage == "export"


def test_every_other_setting_identifies_its_stage(config):
    before = Expected(Study(config), lambda run, wrapped: 1000)
    config["base"]["train"]["steps"] += 1
    after = Expected(Study(config), lambda run, wrapped: 1000)
    changed = [stage for stage in STAGES if before.label(stage, "base") != after.label(stage, "base")]
    assert changed == ["train"]


def test_the_size_of_the_code_is_a_setting_of_the_export(layout, expected):
    other = Expected(layout.study, lambda run, wrapped: 2000)
    assert expected.settings("export", "base")["export"]["code_bytes"] == 1000
    assert [stage for stage in STAGES if expected.label(stage, "base") != other.label(stage, "base")] == ["export"]


def test_an_import_is_made_by_other_code_than_a_training(expected):
    assert expected.script("train", "imported").stem == "import_checkpoint"
    assert expected.script("train", "base").stem == "train"
