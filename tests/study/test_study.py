"""One YAML file becomes named runs; equal settings are one run; mistakes are told with their address."""

import subprocess
import sys

import pytest

from flowgolf.study.errors import ConfigError
from flowgolf.study.merge import merge
from flowgolf.study.study import Run, Study, nested


def test_declared_runs_are_variants_times_seeds_then_sweep_points(config):
    runs = Study(config).runs
    assert runs[:2] == [Run("base", 42), Run("base", 1337)]
    assert Run("nfm-loss_weight=0.05", 42) in runs
    assert Run("nfm-loss_weight=0.05", 1337) not in runs


def test_default_row_of_a_sweep_is_the_variant_itself(config):
    study = Study(config)
    for stage in ("train", "export", "sliding", "legal_ttt"):
        assert study.owner(stage, "nfm-loss_weight=0.1") == "nfm"
        assert study.owner(stage, "nfm-loss_weight=0.05") == "nfm-loss_weight=0.05"
    assert len(study.stage_runs("train")) == 11


def test_an_evaluation_axis_shares_training_and_export(config):
    config["sweeps"]["epochs"] = {"of": "nfm", "key": "evaluate.legal_ttt.epochs", "values": [1, 3], "seeds": [42]}
    before, study = Study({**config, "sweeps": {}}), Study(config)
    point = "nfm-epochs=1"
    assert [study.owner(stage, point) for stage in ("train", "export", "sliding")] == ["nfm"] * 3
    assert study.owner("legal_ttt", point) == point
    assert Run(point, 42) not in study.stage_runs("train")
    assert before.stage_settings("train", "nfm") == study.stage_settings("train", point)


def test_an_export_axis_shares_training_only(config):
    config["variants"]["nfm_fine"] = merge(config["variants"]["nfm"], nested("export.scale_floor", False))
    study = Study(config)
    assert study.owner("train", "nfm_fine") == "nfm"
    assert study.owner("export", "nfm_fine") == study.owner("sliding", "nfm_fine") == "nfm_fine"


def test_null_turns_a_part_off(config):
    config["variants"]["plain"] = {"model": {"bigram": None}}
    assert Study(config).variants["plain"].model.bigram is None


def test_an_import_is_a_run_of_its_own_seed(config):
    config["imports"] = {"imported": {"checkpoint": "model.pt", "seed": 7, "model": {"smear": False}}}
    study = Study(config)
    assert study.runs[-1] == Run("imported", 7)
    assert study.stage_settings("train", "imported")["import"]["checkpoint"] == "model.pt"
    assert not study.variants["imported"].model.smear


def test_matched_plans_add_an_export_of_each_arm_and_no_training(config):
    before = Study(config)
    config["report"]["matched_plan"] = True
    study = Study(config)
    assert study.stage_runs("train") == before.stage_runs("train")
    added = set(study.stage_runs("export")) - set(before.stage_runs("export"))
    assert added == {Run(f"{arm}-plan=matched", seed) for arm in ("base", "nfm") for seed in (42, 1337, 2025)}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("variants.nfm.model.flow_matcher.hiden_dim", 3, r"hiden_dim: unknown key; did you mean hidden_dim\?"),
        ("base.model.hedas", 4, r"study.yaml: base.model.hedas: unknown key; did you mean heads\?"),
        ("base.train.matrix_lr", "3e-4", r"base.train.matrix_lr: .*YAML reads 3e-4 as text, write 0.0003"),
        ("base.train.steps", "many", r"base.train.steps: input should be a valid integer, found 'many'"),
        ("base.train.steps", 0, r"base.train.steps: input should be greater than or equal to 1, found 0"),
        ("base.train.batch_tokens", 4097, r"base.train.micro_batches|base.train"),
        ("data.source", "web", r"data.source: 'web' is not one of 'sample', 'text'"),
        ("base.model.kv_heads", 3, r"base.model.kv_heads: 3 does not divide heads 4"),
        ("base.evaluate.sliding.stride", 512, r"sliding.stride: 512 is larger than the window seq_len 128"),
        ("base.evaluate.legal_ttt.chunk_tokens", 64, r"chunk_tokens: 64 is shorter than one row of seq_len 128"),
        ("base.train.warmdown_steps", 301, r"base.train.warmdown_steps: 301 is more than steps 160"),
        ("sweeps.loss_weight.key", "model.flow_matcher.los_weight", r"no setting .*; did you mean loss_weight\?"),
        ("sweeps.loss_weight.of", "nmf", r"sweeps.loss_weight.of: no variant 'nmf'; did you mean nfm\?"),
        ("sweeps.loss_weight.values", ["big"], r"sweeps.loss_weight.values: 'big' gives nfm.model.flow_matcher.loss_w"),
        ("name", "a b/c", r"study.yaml: name: 'a b/c' is no name: letters, digits and _ . \+ = - only"),
        ("variants.wide", None, r"variants.wide: null is nothing to differ by; write {}"),
        ("imports.old", {"checkpoint": "a", "seed": 1, "model": {"dim": "x"}}, r"imports.old.model.dim: .*'x'"),
        ("seeds", ["1"], r"seeds.0: input should be a valid integer, found '1'; write 1 without quotes"),
        ("seeds", ["4e2"], r"seeds.0: .*; write 400$"),
        ("seeds", [2**63], r"seeds: 9223372036854775808 is too large; whole numbers end at 2\^63 - 1"),
        ("base.train.steps", 10**25, r"base.train.steps: 1(0){25} is too large"),
        ("base.train.matrix_lr", float("inf"), r"base.train.matrix_lr: inf is no number that a setting takes"),
        ("sweeps.loss_weight.values", [0.1, float("nan")], r"sweeps.loss_weight.values: nan is no number"),
        (
            "base.model.vocab_size",
            512,
            r"base.model.vocab_size: 512, but the tokenizer has 1024 \(data.tokenizer.vocab",
        ),
        ("variants.nfm.model.vocab_size", 512, r"variants.nfm.model.vocab_size: 512, but the tokenizer has 1024"),
        ("sweeps.loss_weight.values", [0.1, 0.1], r"two variants are named 'nfm-loss_weight=0.1'"),
        ("sweeps.loss_weight.values", ["a/b"], r"variants.nfm-loss_weight=a/b: a name takes letters"),
        ("variants.a b", {}, r"variants.a b: a name takes letters, digits"),
        ("submission.variants", ["nmf"], r"submission.variants: no trained variant 'nmf'; did you mean nfm\?"),
        ("limits", None, r"limits: missing; the track 10min_16mb is one of limited seconds and devices"),
        ("limits.devices", 0, r"limits.devices: input should be greater than or equal to 1"),
        ("submission.seed", 7, r"submission.seed: 7 is not one of the seeds \[42, 1337, 2025\]"),
        (
            "variants.nfm.export",
            {"codec": "range"},
            r"submission.variants: nfm has export.codec range, which train_gpt",
        ),
        ("report.reference", "bas", r"report.reference: no variant 'bas'; did you mean base\?"),
        ("report.pairs", [["nfm", "bas"]], r"report.pairs: no variant 'bas'; did you mean base\?"),
        ("imports.nfm", {"checkpoint": "a.pt", "seed": 1}, r"imports.nfm: two variants are named 'nfm'"),
        ("seeds", [1, 1], r"seeds: \[1, 1\] names a seed twice"),
        ("base.model.xsa_layers", 6, r"base.model.xsa_layers: 6 is more than layers 5"),
        ("base.model.rope_dims", 7, r"base.model.rope_dims: 7 must be even and at most dim / heads = 16"),
        ("base.model.heads", 3, r"base.model.heads: 3 does not divide dim 64"),
        ("variants.nfm.model.ttt_linear", {"heads": 7}, r"ttt_linear.heads: 7 does not divide dim 64"),
        ("variants.nfm.model.value_embedding", {"layers": [5]}, r"value_embedding.layers: \[5\] must lie in 0..4"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_remedy(config, key, value, message):
    if key == "base.train.batch_tokens":
        config["base"]["train"]["micro_batches"] = 2
        message = r"base.train.batch_tokens: 4097 is not a multiple of micro_batches 2"
    config["submission"]["track"] = "10min_16mb"
    with pytest.raises(ConfigError, match=message):
        Study(merge(config, nested(key, value)), source="study.yaml")


def test_one_arm_is_a_study(config):
    config |= {"variants": {"wide": {}}, "sweeps": {}, "report": {}}
    study = Study(config)
    assert (study.settings.report.reference, study.settings.report.two_by_two) == ("wide", None)
    assert study.submitted == ["wide"]
    assert {run.variant for run in study.runs} == {"wide"}
    with pytest.raises(ConfigError, match=r"report.two_by_two: not set; the bootstrap on a result page compares two"):
        study.check_nats()
    config["report"] = {"matched_plan": True}
    with pytest.raises(
        ConfigError, match=r"report.matched_plan: takes the plan of the arms of report.two_by_two, which"
    ):
        Study(config)


def test_a_result_page_needs_the_nats_of_both_arms(config):
    for stage in ("sliding", "legal_ttt"):
        with pytest.raises(ConfigError, match=rf"base.evaluate.{stage}.keep_nats: false for base; the bootstrap"):
            Study(config).check_nats()
        config["base"]["evaluate"][stage]["keep_nats"] = True
    Study(config).check_nats()


def test_nobody_submits_under_the_name_of_the_example(config):
    for key, example in (("author", "Your Name"), ("github_id", "your-id")):
        with pytest.raises(ConfigError, match=f"submission.{key}: '{example}' is the example's; say who submits"):
            Study(config).check_submitter()
        config["submission"][key] = "Ada"
    Study(config).check_submitter()


def test_a_missing_block_is_named(config):
    del config["base"]["export"]
    with pytest.raises(ConfigError, match=r"base.export: missing"):
        Study(config)


def test_a_missing_source_is_named(config):
    del config["data"]["source"]
    with pytest.raises(ConfigError, match=r"data.source: missing"):
        Study(config)


def test_what_is_submitted_by_default_are_the_arms_with_the_first_seed(config):
    study = Study(config)
    assert (study.submitted, study.submitted_seed) == (["base", "nfm"], 42)
    config["submission"] |= {"variants": ["nfm"], "seed": 1337}
    study = Study(config)
    assert (study.submitted, study.submitted_seed) == (["nfm"], 1337)


def test_a_study_without_a_submission_block_submits_nothing(config):
    del config["submission"]
    with pytest.raises(
        ConfigError, match="study.yaml: submission: missing; say who submits what, as config/config.yaml"
    ):
        print(Study(config, source="study.yaml").submitted)


def test_reading_a_study_imports_no_torch():
    modules = (
        "flowgolf.study.study, flowgolf.provenance, flowgolf.report.results.names, flowgolf.submission.one_file.bundle"
    )
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "flowgolf.study.study" in loaded
    assert not {"torch", "numpy", "pandas", "matplotlib"} & set(loaded)
