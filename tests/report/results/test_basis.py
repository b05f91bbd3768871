"""Results are set against each other only where they were scored alike: each planted difference is found and said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.report.results.basis import differing
from flowgolf.report.results.collect import collect_results
from flowgolf.report.results.differences import spread
from flowgolf.report.results.power import seeds_unpaired
from flowgolf.report.tables.tables import tables
from made_up_study import DATA

SETTINGS = {"seq_len": 256, "stride": 64}
PLANTED = {
    "text": ({"data": DATA | {"validation": "d" * 64}}, "text dddddddddddd and bbbbbbbbbbbb"),
    "tokenizer": ({"data": DATA | {"tokenizer": "d" * 64}}, "tokenizer dddddddddddd and cccccccccccc"),
    "positions": ({"tokens": 1006}, "positions 1,006 and 5"),
    "window": ({"settings": SETTINGS | {"seq_len": 128}}, "window 128 and 256"),
    "stride": ({"settings": SETTINGS | {"stride": 32}}, "stride 32 and 64"),
    "precision": ({"device": "cuda:0"}, "precision bfloat16 and float32"),
    "seed": ({"settings": SETTINGS | {"seed": 1}}, "seed 1 and not recorded"),
    "old record": ({"data": {}}, "text not recorded and bbbbbbbbbbbb, tokenizer not recorded and cccccccccccc"),
}
NAMES = {"sliding": "sliding", "legal_ttt": "legal TTT"}


def plant(study: Any, variant: str, stage: str, **changes: Any) -> None:
    for seed in study.variants[variant]:
        study.change(variant, seed, stage, **changes)


def made(study: Any, folder: Path) -> pd.DataFrame:
    """The table of differences, by what is compared."""
    tables(study.manifest_path, folder)
    return pd.read_csv(folder / "effects.csv").set_index("what")


def assert_apart(row: pd.Series, verdict: str) -> None:
    """A row with neither difference nor test, which says why."""
    assert row[["difference", "difference_low", "difference_high", "p", "p_holm", "tests"]].isna().all()
    assert (row["test"], row["verdict"]) == ("none", f"not comparable: {verdict}")


@pytest.mark.parametrize("stage", ["sliding", "legal_ttt"])
@pytest.mark.parametrize("what", [name for name in PLANTED if name != "seed"])
def test_planted_an_arm_that_was_scored_otherwise(study: Any, tmp_path: Path, what: str, stage: str) -> None:
    changes, said = PLANTED[what]
    plant(study, "nfm", stage, **changes)
    effects = made(study, tmp_path)
    assert_apart(effects.loc[f"nfm - base, {NAMES[stage]}"], said)
    assert_apart(effects.loc["nfm - base, TTT gain"], said)
    assert effects.loc["TTT on base", "test"] == "paired t"
    other = next(name for name in NAMES.values() if name != NAMES[stage])
    assert effects.loc[f"nfm - base, {other}", "test"] == "paired t"
    note = f"- nfm - base, {NAMES[stage]}: not comparable: {said}."
    for name in ("effects", "two_by_two", "arms", "sweep_loss_weight", "seeds", "summary"):
        assert note in (tmp_path / f"{name}.md").read_text(), name
    arms = pd.read_csv(tmp_path / "arms.csv").set_index("arm")
    assert arms.loc["nfm", f"{stage}_bpb_difference"] == "not comparable"


def test_planted_another_seed_of_legal_ttt(study: Any, tmp_path: Path) -> None:
    study.change_all("legal_ttt", settings=SETTINGS | {"seed": 0})
    assert made(study, tmp_path)["test"].eq("paired t").sum() == 4
    plant(study, "nfm", "legal_ttt", settings=SETTINGS | {"seed": 1})
    effects = made(study, tmp_path)
    assert_apart(effects.loc["nfm - base, legal TTT"], "seed 1 and 0")
    assert effects.loc["TTT on nfm", "test"] == "paired t"


@pytest.mark.parametrize("what", [name for name in PLANTED if name != "seed"])
def test_planted_legal_ttt_of_all_arms_scored_unlike_sliding(study: Any, tmp_path: Path, what: str) -> None:
    changes, said = PLANTED[what]
    study.change_all("legal_ttt", **changes)
    effects = made(study, tmp_path)
    for row in ("TTT on base", "TTT on nfm", "nfm - base, TTT gain"):
        assert_apart(effects.loc[row], said)
    assert effects.loc["nfm - base, legal TTT", "test"] == "paired t"
    text = (tmp_path / "two_by_two.md").read_text()
    assert f"- TTT on base: not comparable: {said}." in text
    assert text.count("not comparable |") == 3


def test_planted_one_seed_that_was_scored_otherwise(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 1337, "sliding", device="cuda:0")
    effects = made(study, tmp_path)
    assert_apart(effects.loc["nfm - base, sliding"], "precision bfloat16 and float32")
    note = "nfm, sliding: its seeds were not scored alike (precision float32 and bfloat16); its mean mixes them."
    assert note in (tmp_path / "seeds.md").read_text()


def test_pairs_that_were_scored_alike_are_compared_even_where_the_seeds_of_an_arm_were_not(
    study: Any, tmp_path: Path
) -> None:
    for variant in ("base", "nfm"):
        study.change(variant, 1337, "sliding", device="cuda:0")
    assert made(study, tmp_path).loc["nfm - base, sliding", "test"] == "paired t"


def test_planted_other_seeds_that_were_scored_otherwise(study: Any, tmp_path: Path) -> None:
    """Without a seed in common each result stands against each of the other arm."""
    study.remove("base", 42, "sliding")
    for seed in (1337, 2025):
        study.remove("nfm", seed, "sliding")
    assert made(study, tmp_path).loc["nfm - base, sliding", "test"] == "Student t"
    study.change("base", 2025, "sliding", tokens=6)
    assert_apart(made(study, tmp_path).loc["nfm - base, sliding"], "positions 5 and 6")


def test_planted_a_point_of_a_sweep_that_was_scored_otherwise(study: Any, tmp_path: Path) -> None:
    plant(study, "nfm-loss_weight=0.1", "legal_ttt", settings=SETTINGS | {"stride": 32})
    assert_apart(made(study, tmp_path).loc["loss_weight 0.1, legal TTT"], "stride 32 and 64")
    sweep = pd.read_csv(tmp_path / "sweep_loss_weight.csv").set_index("value")
    assert sweep.loc[0.1, "legal_ttt_bpb_difference"] == "not comparable"
    assert sweep.loc[0.1, "legal_ttt_bpb_difference_verdict"] == "not comparable: stride 32 and 64"


def test_planted_all_seeds_without_pairs_are_no_note_where_any_was_scored_otherwise(study: Any, tmp_path: Path) -> None:
    for seed in (1337, 2025):
        study.remove("base", seed, "legal_ttt")
    made(study, tmp_path)
    assert "nfm - base, sliding, all seeds (n = 3 and 3)" in (tmp_path / "two_by_two.md").read_text()
    for variant in ("base", "nfm"):
        study.change(variant, 1337, "sliding", device="cuda:0")
    made(study, tmp_path)
    assert "nfm - base, sliding, all seeds" not in (tmp_path / "two_by_two.md").read_text()


def test_results_that_do_not_say_what_they_scored_are_compared_with_each_other(study: Any, tmp_path: Path) -> None:
    for stage in NAMES:
        study.change_all(stage, data={})
    assert made(study, tmp_path).loc["nfm - base, sliding", "test"] == "paired t"


def test_what_only_one_side_has_is_a_difference() -> None:
    assert differing({"window": 256}, {"window": 256, "stride": 64}) == ["stride not recorded and 64"]
    assert differing({"window": 256, "seed": 0}, {"window": 256}, apart=("seed",)) == []


def test_results_of_one_training_are_planned_by_their_own_spread(
    new_study: Callable[[int], Any], tmp_path: Path
) -> None:
    """At a single seed the spread within arms would ask for 41 seeds, where the difference hardly varies over seeds."""
    study = new_study(1).complete()
    for path in ("train", "export", "sliding"):
        for name in (path, f"{path}_csv"):
            if name in study.entry("base", 42):
                study.entry("nfm-loss_weight=0.05", 42)[name] = study.entry("base", 42)[name]
    bpb = pd.read_json(study.entry("base", 42)["legal_ttt"], typ="series")["bpb"]
    study.change("nfm-loss_weight=0.05", 42, "legal_ttt", bpb=bpb + 0.0014)
    effects = made(study, tmp_path)
    assert "loss_weight 0.05, sliding" not in effects.index  # one and the same result
    row = effects.loc["loss_weight 0.05, legal TTT"]
    assert (row["difference"], row["n"]) == (pytest.approx(0.0014), 1)
    within = spread(collect_results(study.manifest_path), "legal_ttt_bpb")
    assert seeds_unpaired(0.0014, within, 1) == 41
    assert row["verdict"] == "not resolved at n = 1; about 2 seeds would resolve this size"
    text = (tmp_path / "effects.md").read_text()
    assert "the spread over seeds of a difference in legal TTT between two results of one training: sd 0.00012" in text
    sweep = pd.read_csv(tmp_path / "sweep_loss_weight.csv").set_index("value")
    assert sweep.loc[0.05, "sliding_bpb_difference"] == "the same result"
