"""The table of arms: every arm against the reference, as the tables that hold the comparison have it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.report.tables.tables import tables

METRICS = {"sliding_bpb": "sliding", "legal_ttt_bpb": "legal TTT"}


def made(study: Any, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of arms and of differences, by arm and by what is compared."""
    tables(study.manifest_path, folder)
    read = {name: pd.read_csv(folder / f"{name}.csv") for name in ("arms", "effects")}
    return read["arms"].set_index("arm"), read["effects"].set_index("what")


def assert_same(arms: pd.DataFrame, effects: pd.DataFrame, arm: str, what: str) -> None:
    """An arm's differences, intervals and verdicts are those of the table of differences."""
    for metric, name in METRICS.items():
        effect = effects.loc[f"{what}, {name}"]
        for part in ("", "_low", "_high"):
            shown = float(arms.loc[arm, f"{metric}_difference{part}"])
            assert shown == pytest.approx(effect[f"difference{part}"], abs=1e-12, nan_ok=True)
        assert arms.loc[arm, f"{metric}_difference_verdict"] == effect["verdict"]


def test_every_arm_has_a_row_and_the_reference_is_the_first(study: Any, tmp_path: Path) -> None:
    arms, _ = made(study, tmp_path)
    assert list(arms.index) == ["base", "nfm", "nfm-loss_weight=0.05", "nfm-loss_weight=0.1"]
    assert list(arms["parameters"]) == [700_000, 705_000, 710_000, 715_000]
    assert list(arms["changes"].fillna("")) == ["", *(f"model.points = {index}" for index in (1, 2, 3))]
    assert list(arms["n"]) == [3, 3, 1, 1]
    assert arms.loc["base", "sliding_bpb_difference"] == "reference"


def test_a_reference_that_is_declared_last_is_the_first_row(study: Any, tmp_path: Path) -> None:
    study.manifest["reference"] = "nfm"
    arms, _ = made(study, tmp_path)
    assert list(arms.index)[:2] == ["nfm", "base"]
    assert float(arms.loc["base", "sliding_bpb_difference"]) < 0


def test_differences_are_those_of_the_other_tables(study: Any, tmp_path: Path) -> None:
    study.remove("base", 1337, "legal_ttt")
    arms, effects = made(study, tmp_path)
    assert list(arms["n"].astype(str)) == ["2 of 3 seeds", "2", "1", "1"]
    assert_same(arms, effects, "nfm", "nfm - base")
    for value in ("0.05", "0.1"):
        assert_same(arms, effects, f"nfm-loss_weight={value}", f"loss_weight {value}")


def test_a_variant_outside_the_2x2_is_compared_on_all_its_seeds(study: Any, tmp_path: Path) -> None:
    study.manifest["two_by_two"] = None
    study.remove("base", 1337, "legal_ttt")
    arms, effects = made(study, tmp_path)
    assert_same(arms, effects, "nfm", "nfm - base")


def test_points_with_several_seeds_are_corrected_by_holm(new_study: Callable[[int], Any], tmp_path: Path) -> None:
    study = new_study(2)
    sweep = study.manifest["sweeps"]["loss_weight"]
    sweep["seeds"] = [42, 1337, 2025]
    for point in sweep["variants"]:
        study.variants[point] = sweep["seeds"]
        study.manifest["runs"] += [study.run(point, seed) for seed in (1337, 2025)]
    study.complete()
    for seed, bpb in ((42, 2.0643), (1337, 2.1), (2025, 2.1357)):  # p = 0.04 each, more after the correction
        study.change("base", seed, "sliding", bpb=2.0)
        for point in sweep["variants"]:
            study.change(point, seed, "sliding", bpb=bpb)
    arms, effects = made(study, tmp_path)
    for value in ("0.05", "0.1"):
        row = arms.loc[f"nfm-loss_weight={value}"]
        assert float(row["sliding_bpb_difference_low"]) > 0
        assert row["sliding_bpb_difference_verdict"].startswith("not resolved at n = 3")
        assert_same(arms, effects, f"nfm-loss_weight={value}", f"loss_weight {value}")


def test_before_any_record_cells_are_pending(new_study: Callable[[int], Any], tmp_path: Path) -> None:
    study = new_study(1)
    study.manifest["variants"]["nfm"] = {"model": {"points": 5}}
    arms, _ = made(study, tmp_path)
    row = arms.loc["nfm"]
    assert (row["parameters"], row["sliding_bpb_difference"], row["changes"]) == (
        "pending",
        "pending",
        "model.points = 5",
    )


def test_partial_evaluations_and_unequal_plans_are_said(study: Any, tmp_path: Path) -> None:
    for run in study.manifest["runs"]:
        study.change(run["variant"], run["seed"], "legal_ttt", partial=True)
    study.change("nfm-loss_weight=0.1", 42, "export", plan={"0": 6, "1": 6, "2": 6, "3": 6})
    made(study, tmp_path)
    text = (tmp_path / "arms.md").read_text()
    assert "legal TTT - base (partial)" in text and "sliding - base (partial)" not in text
    assert "Export plans differ" in text
