"""Rules 8 and 13 to 16 where tables are made: each planted violation is caught."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.report.tables.tables import tables


def test_a_clean_study_passes(study: Any, tmp_path: Path) -> None:
    tables(study.manifest_path, tmp_path)
    assert "commit" not in (tmp_path / "seeds.md").read_text()


def test_planted_other_training_settings_in_one_seed(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 2025, "train", train={"steps": 300})
    with pytest.raises(
        ValueError, match=r"variant nfm, train: train\.steps is 250 at seed 42 and 300 at seed 2025 \(rule 13\)"
    ):
        tables(study.manifest_path, tmp_path)
    assert not list(tmp_path.glob("*.csv"))


def test_planted_a_setting_that_only_one_seed_has(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 1337, "export", settings={"clip": "max", "scale_floor": False})
    with pytest.raises(ValueError, match=r"export: scale_floor is None at seed 42 and False at seed 1337"):
        tables(study.manifest_path, tmp_path)


def test_planted_other_evaluation_settings_in_one_seed(study: Any, tmp_path: Path) -> None:
    study.change("base", 1337, "legal_ttt", settings={"seq_len": 256, "stride": 32})
    with pytest.raises(ValueError, match=r"variant base, legal_ttt: stride is 64 at seed 42 and 32 at seed 1337"):
        tables(study.manifest_path, tmp_path)


def test_the_seed_itself_may_differ(study: Any, tmp_path: Path) -> None:
    for seed in (42, 1337, 2025):
        study.change("nfm", seed, "train", train={"steps": 250, "seed": seed})
    tables(study.manifest_path, tmp_path)


def test_planted_another_commit_is_said_in_every_table(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 2025, "train", commit="def456-dirty")
    tables(study.manifest_path, tmp_path)
    for path in tmp_path.glob("*.md"):
        text = path.read_text()
        assert "The runs were made at different commits: abc123, def456-dirty." in text, path
        assert "uncommitted changes (-dirty)" in text, path


def test_planted_a_declared_seed_that_was_dropped(study: Any, tmp_path: Path) -> None:
    study.manifest["runs"] = [run for run in study.manifest["runs"] if (run["variant"], run["seed"]) != ("nfm", 2025)]
    with pytest.raises(ValueError, match=r"variant nfm: declared seed 2025 is not among the runs \(rule 14\)"):
        tables(study.manifest_path, tmp_path)


def test_planted_a_failed_seed_still_appears(study: Any, tmp_path: Path) -> None:
    study.remove("nfm", 2025, "train", "export", "sliding", "legal_ttt")
    study.write(study.entry("nfm", 2025)["failed"]["train"], {"message": "loss is not finite", "time": "now"})
    tables(study.manifest_path, tmp_path)
    text = (tmp_path / "seeds.md").read_text()
    assert "failed: loss is not finite" in text and "2 of 3 seeds" in text


def test_planted_an_export_without_its_plan(study: Any, tmp_path: Path) -> None:
    study.change("base", 42, "export", plan=None)
    with pytest.raises(ValueError, match=r"variant base, seed 42: export record without a plan \(rule 16\)"):
        tables(study.manifest_path, tmp_path)


def test_planted_arms_with_different_plans_carry_a_warning(study: Any, tmp_path: Path) -> None:
    for seed in (42, 1337, 2025):
        study.change("base", seed, "export", plan={"0": 6, "1": 6, "2": 6, "3": 6})
    tables(study.manifest_path, tmp_path)
    for name in ("two_by_two.md", "sweep_loss_weight.md"):
        text = (tmp_path / name).read_text()
        assert "Export plans differ, so a difference also holds the cost of the int5 layers (base: all int6" in text


def test_plans_of_every_arm_are_printed(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 42, "export", plan={"0": 5, "1": 5, "2": 5, "3": 5})
    tables(study.manifest_path, tmp_path)
    text = (tmp_path / "two_by_two.md").read_text()
    assert "all int5 (seed 42); int5 in 2, else int6 (seed 1337, 2025)" in text


def test_planted_partial_evaluation_among_complete_ones(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 42, "sliding", partial=True)
    with pytest.raises(ValueError, match=r"sliding: variant nfm, seed 42 scored a part .* \(rule 8\)"):
        tables(study.manifest_path, tmp_path)


def test_partial_evaluations_are_labelled_wherever_they_appear(study: Any, tmp_path: Path) -> None:
    for run in study.manifest["runs"]:
        study.change(run["variant"], run["seed"], "legal_ttt", partial=True)
    tables(study.manifest_path, tmp_path)
    for name in ("seeds", "two_by_two", "sweep_loss_weight", "compare", "summary", "effects"):
        assert "partial" in (tmp_path / f"{name}.md").read_text().lower(), name
    for name in ("seeds", "two_by_two", "sweep_loss_weight", "compare", "effects", "export"):
        header, row, *_ = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert header.endswith(",partial") and row.endswith(",legal_ttt_bpb"), name
    assert "sliding bpb (partial)" not in (tmp_path / "seeds.md").read_text()


def test_planted_partial_sliding_beside_complete_ttt_gives_no_effect(study: Any, tmp_path: Path) -> None:
    for run in study.manifest["runs"]:
        study.change(run["variant"], run["seed"], "sliding", partial=True, tokens=3)
    tables(study.manifest_path, tmp_path)
    text = (tmp_path / "two_by_two.md").read_text()
    assert "- TTT on base: not comparable: positions 5 and 3." in text and "Interaction" not in text
    effects = pd.read_csv(tmp_path / "effects.csv").set_index("what")
    gains = effects.loc[["TTT on base", "TTT on nfm", "nfm - base, TTT gain"]]
    assert gains["difference"].isna().all() and gains["p"].isna().all()
    assert effects.loc["nfm - base, sliding", "difference"] != 0
    assert pd.read_csv(tmp_path / "export.csv")["quantisation_gap_bpb"].isna().all()
