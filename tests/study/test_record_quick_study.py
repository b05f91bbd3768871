"""config/record_quick.yaml is the record's parts in miniature, and each arm takes one of them away."""

from typing import Any

import pytest
import yaml

from flowgolf.study.study import Study
from repository import ROOT

TAKEN_AWAY: dict[str, dict[str, Any]] = {
    "full": {},
    "no_recurrence": {"model.recurrence": None},
    "no_parallel": {"model.parallel_from": None},
    "no_skip_gates": {"model.skip_gates": False},
    "no_query_gain": {"model.q_gain": 1.5},
    "no_row_norm": {"train.muon_row_norm": False},
    "no_decays": {"train.matrix_decay": None, "train.embedding_decay": None},
    "no_gptq": {"export.gptq": False},
    "no_spread": {"export.clip": "max"},
    "no_brotli": {"export.codec": "zstd"},
}
"""Arm -> the settings in which it differs from the full stack."""
SMALLER = {
    "model": {"vocab_size", "seq_len", "layers", "dim", "heads", "kv_heads", "rope_dims", "xsa_layers", "recurrence",
              "parallel_from"},
    "train": {"steps", "batch_tokens", "micro_batches", "max_seconds", "export_reserve_seconds", "data_seed",
              "muon_momentum_warmup_steps", "ema_decay", "val_every", "checkpoint_every", "devices", "threads"},
    "export": {"cap_bytes", "code_bytes", "passthrough_max_elements", "calibration_batches", "calibration_rows",
               "plan"},
}  # fmt: skip
"""Settings of the full stack that are not the record's."""


def study(name: str) -> Study:
    return Study(yaml.safe_load((ROOT / "config" / name).read_text()))


def flat(study: Study, variant: str) -> dict[str, Any]:
    """Settings of a variant by dotted name, without what the evaluations have."""
    blocks = study.variants[variant].model_dump()
    return {f"{block}.{key}": value for block in SMALLER for key, value in blocks[block].items()}


@pytest.fixture(scope="module")
def quick() -> Study:
    return study("record_quick.yaml")


def test_each_arm_takes_one_technique_away(quick: Study) -> None:
    full = flat(quick, "full")
    found = {}
    for name in quick.variants:
        found[name] = {key: value for key, value in flat(quick, name).items() if value != full[key]}
    assert found == TAKEN_AWAY


def test_the_full_stack_is_the_record_but_for_its_size(quick: Study) -> None:
    record, full = flat(study("record.yaml"), "base"), flat(quick, "full")
    other = {key for key in full if full[key] != record[key]}
    assert other == {f"{block}.{key}" for block, keys in SMALLER.items() for key in keys}


def test_it_runs_under_five_seeds_on_the_embedded_text(quick: Study) -> None:
    assert len(quick.settings.seeds) == 5
    assert quick.settings.data.source == "sample"
