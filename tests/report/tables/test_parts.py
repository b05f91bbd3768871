"""The table of parts: every part of every model once, with what updates it and how it is stored."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.report.results.collect import collect_results
from flowgolf.report.tables.parts import parts_table


def made(study: Any) -> pd.DataFrame:
    return parts_table(collect_results(study.manifest_path)).frame


def test_a_part_that_all_arms_share_has_one_row(study: Any) -> None:
    table = made(study).set_index("part")
    attention = table.loc["attention"]
    assert list(attention) == [600_008, "matrices, rest", "adamw, muon", "block, control", "all"]
    assert list(table.loc["token embedding"]) == [90_000, "embeddings", "adamw", "int8", "all"]


def test_a_part_of_some_arms_names_them(study: Any) -> None:
    matcher = made(study).query("part == 'flow matcher'")
    assert dict(zip(matcher["arms"], matcher["parameters"], strict=True)) == {
        "nfm": 5_000, "nfm-loss_weight=0.05": 10_000, "nfm-loss_weight=0.1": 15_000,
    }  # fmt: skip


def test_an_imported_checkpoint_has_no_optimiser(study: Any) -> None:
    facts = {"label": "token embedding", "elements": 7, "group": "embeddings", "storage": "int8", "optimizer": None}
    for seed in (42, 1337, 2025):
        study.change("base", seed, "train", tensors={"tok_emb.weight": facts})
    (row,) = made(study).query("arms == 'base'").to_dict("records")
    assert (row["parameters"], row["optimizer"]) == (7, "-")


@pytest.mark.parametrize("tensors", [None, "no record"])
def test_arms_without_a_record_are_left_out(tensors: str | None, study: Any) -> None:
    for entry in study.manifest["runs"]:
        if tensors is None:
            study.change(entry["variant"], entry["seed"], "train", tensors=None)
        else:
            Path(entry["train"]).unlink()
    table = parts_table(collect_results(study.manifest_path))
    assert table.frame.empty
    assert table.notes == ["No run has trained yet."]
