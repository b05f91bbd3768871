"""The tables of a study, complete and half done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.report.tables.tables import print_main, tables


@pytest.fixture
def made(study: Any, tmp_path: Path) -> Callable[[], dict[str, pd.DataFrame]]:
    """Makes the tables of `study` and reads their CSV back."""

    def make() -> dict[str, pd.DataFrame]:
        tables(study.manifest_path, tmp_path / "tables")
        return {path.stem: pd.read_csv(path) for path in (tmp_path / "tables").glob("*.csv")}

    return make


def bpb(study: Any, variant: str, stage: str) -> pd.Series:
    values = {}
    for seed in study.variants[variant]:
        record = pd.read_json(study.entry(variant, seed)[stage], typ="series")
        values[seed] = float(record["bpb"])
    return pd.Series(values)


def test_seeds_lists_every_run_and_its_summary(study: Any, made: Any) -> None:
    seeds = made()["seeds"]
    nfm = seeds[seeds["variant"] == "nfm"].set_index("seed")
    assert list(nfm.index) == ["42", "1337", "2025", "mean", "sd", "95 % low", "95 % high", "n"]
    values = bpb(study, "nfm", "sliding")
    assert float(nfm.loc["mean", "sliding_bpb"]) == pytest.approx(values.mean())
    assert float(nfm.loc["sd", "sliding_bpb"]) == pytest.approx(values.std(ddof=1))
    assert float(nfm.loc["n", "sliding_bpb"]) == 3
    point = seeds[seeds["variant"] == "nfm-loss_weight=0.05"]
    assert list(point["seed"]) == ["42", "mean", "n"]


def test_two_by_two_effects_and_interaction(study: Any, made: Any) -> None:
    table = made()["two_by_two"].set_index("arm")
    sliding = {v: bpb(study, v, "sliding") for v in ("base", "nfm")}
    ttt = {v: bpb(study, v, "legal_ttt") for v in ("base", "nfm")}
    assert float(table.loc["base", "ttt_effect"]) == pytest.approx((ttt["base"] - sliding["base"]).mean())
    assert float(table.loc["nfm - base", "sliding_bpb"]) == pytest.approx((sliding["nfm"] - sliding["base"]).mean())
    interaction = (ttt["nfm"] - sliding["nfm"] - ttt["base"] + sliding["base"]).mean()
    assert float(table.loc["nfm - base", "ttt_effect"]) == pytest.approx(interaction, abs=1e-12)
    assert table.loc["nfm - base", "parameters"] == "+5,000"
    assert list(table["n"].astype(str)) == ["3", "3", "3"]
    assert table.loc["base", "ttt_effect_verdict"] == "effect at n = 3: lower bpb"


def test_further_pairs_are_compared_like_any_other(study: Any, made: Any) -> None:
    study.manifest["pairs"] = [["nfm-loss_weight=0.05", "nfm"]]
    effects = made()["effects"].set_index("what")
    row = effects.loc["nfm-loss_weight=0.05 - nfm, sliding"]
    difference = bpb(study, "nfm-loss_weight=0.05", "sliding") - bpb(study, "nfm", "sliding")
    assert float(row["difference"]) == pytest.approx(difference.dropna().mean())
    assert row["family"] == "arms"


def three_arms(study: Any) -> None:
    """Make the second point of the sweep a main arm, `control`, with all seeds."""
    study.manifest["sweeps"] = {}
    study.manifest["runs"] = [run for run in study.manifest["runs"] if "loss_weight" not in run["variant"]]
    study.variants = {"base": [42, 1337, 2025], "nfm": [42, 1337, 2025], "control": [42, 1337, 2025]}
    study.manifest["runs"] += [study.run("control", seed) for seed in (42, 1337, 2025)]
    study.manifest["variants"] = dict.fromkeys(study.variants, {})
    study.manifest["pairs"] = [["nfm", "control"]]
    study.complete()


def test_every_main_arm_and_every_pair_has_its_ttt_gain(study: Any, made: Any) -> None:
    """What legal TTT gains on the control stands in the tables too, and how that differs from the others' gains."""
    three_arms(study)
    for seed, gain in ((42, -0.0081), (1337, -0.0080), (2025, -0.0079)):
        sliding = pd.read_json(study.entry("control", seed)["sliding"], typ="series")["bpb"]
        study.change("control", seed, "legal_ttt", bpb=sliding + gain)
    made_now = made()
    effects, arms = made_now["effects"].set_index("what"), made_now["arms"].set_index("arm")
    pairs = ("nfm - base", "control - base", "nfm - control")
    names = [f"{pair}, {name}" for pair in pairs for name in ("sliding", "legal TTT", "TTT gain")]
    assert list(effects.index) == [*names, "TTT on base", "TTT on nfm", "TTT on control"]
    assert effects.loc["TTT on control", "difference"] == pytest.approx(-0.008)
    base = (bpb(study, "base", "legal_ttt") - bpb(study, "base", "sliding")).mean()
    assert effects.loc["control - base, TTT gain", "difference"] == pytest.approx(-0.008 - base)
    assert float(arms.loc["control", "ttt_gain"]) == pytest.approx(-0.008)
    assert float(arms.loc["control", "ttt_gain_difference"]) == pytest.approx(-0.008 - base)
    assert arms.loc["base", "ttt_gain_difference"] == "reference"


def test_p_is_corrected_over_each_family_that_the_table_names(study: Any, made: Any, tmp_path: Path) -> None:
    three_arms(study)
    effects = made()["effects"]
    for name in ("arms", "TTT gains"):
        family = effects[(effects["family"] == name) & effects["p"].notna()].sort_values("p")
        assert set(family["tests"]) == {len(family)} and len(family) > 2
        factors = range(len(family), 0, -1)
        stepped = [min(1.0, factor * p) for factor, p in zip(factors, family["p"], strict=True)]
        assert list(family["p_holm"]) == pytest.approx([max(stepped[: i + 1]) for i in range(len(stepped))])
    assert effects.loc[effects["p"].notna(), "p_holm"].notna().all()
    row = effects.set_index("what").loc["nfm - base, sliding"]
    said = f"p = {row['p']:.2g} (Holm over {row['tests']:.0f} tests: {row['p_holm']:.2g})"
    assert said in (tmp_path / "tables" / "two_by_two.md").read_text()


def test_planted_differences_without_spread_say_so_everywhere(study: Any, made: Any, tmp_path: Path) -> None:
    for seed in (42, 1337, 2025):
        study.change("base", seed, "sliding", bpb=2.1)
        study.change("nfm", seed, "sliding", bpb=2.1 + 0.1)
    tables_made = made()
    row = tables_made["effects"].set_index("what").loc["nfm - base, sliding"]
    assert (row["test"], row["verdict"]) == ("none", "not resolved at n = 3; no spread between seeds")
    assert row[["p", "p_holm", "difference_low", "difference_high"]].isna().all()
    folder = tmp_path / "tables"
    text = (folder / "two_by_two.md").read_text()
    assert "- nfm - base, sliding: +0.10000: not resolved at n = 3; no spread between seeds." in text
    assert "+0.10000 | no spread between seeds |" in text and " 2.10000 | no spread between seeds |" in text
    for suffix in ("md", "html", "tex", "csv"):
        assert "no spread between seeds" in (folder / f"seeds.{suffix}").read_text(), suffix
        assert "no spread between seeds" in (folder / f"arms.{suffix}").read_text(), suffix
    assert "p = 0 " not in text


def test_arms_with_one_plan_for_all_have_a_table_of_their_own(study: Any, made: Any) -> None:
    assert "two_by_two_matched" not in made()
    study.manifest["matched"] = ["nfm", "base"]
    assert list(made()["two_by_two_matched"]["arm"]) == ["nfm", "base", "base - nfm"]
    study.manifest["matched"] = ["nfm", "nfm-loss_weight=0.1"]
    made_now = made()
    effect = made_now["effects"].set_index("what").loc["nfm-loss_weight=0.1 - nfm, legal TTT"]
    shown = made_now["two_by_two_matched"].set_index("arm").loc["nfm-loss_weight=0.1 - nfm"]
    assert float(shown["legal_ttt_bpb"]) == pytest.approx(effect["difference"])


def test_two_by_two_rests_on_the_seeds_that_all_cells_share(study: Any, made: Any, tmp_path: Path) -> None:
    study.remove("base", 1337, "legal_ttt")
    table = made()["two_by_two"].set_index("arm")
    assert float(table.loc["nfm", "sliding_bpb"]) == pytest.approx(bpb(study, "nfm", "sliding")[[42, 2025]].mean())
    assert list(table["n"]) == ["2 of 3 seeds", "2 of 3 seeds", "2"]
    text = (tmp_path / "tables" / "two_by_two.md").read_text()
    assert "Seeds with all four figures: 42, 2025." in text
    assert "TTT on nfm, all its seeds:" in text


def test_two_by_two_without_a_shared_seed(study: Any, made: Any, tmp_path: Path) -> None:
    study.remove("base", 42, "sliding", "legal_ttt")
    study.remove("nfm", 1337, "sliding", "legal_ttt")
    study.remove("nfm", 2025, "sliding", "legal_ttt")
    table = made()["two_by_two"].set_index("arm")
    assert table.loc["nfm - base", "n"] == "1 and 2"
    assert "No seed has all four figures yet" in (tmp_path / "tables" / "two_by_two.md").read_text()


def test_a_study_without_a_two_by_two_says_so(study: Any, made: Any, tmp_path: Path) -> None:
    study.manifest["two_by_two"] = None
    effects = made()["effects"]
    assert "This study declares no 2x2." in (tmp_path / "tables" / "two_by_two.md").read_text()
    assert "nfm - base, sliding" in set(effects["what"])


def test_sweep_differences_are_on_the_seeds_of_the_sweep(study: Any, made: Any) -> None:
    sweep = made()["sweep_loss_weight"]
    assert list(sweep["variant"]) == ["base", "nfm-loss_weight=0.05", "nfm-loss_weight=0.1"]
    expected = bpb(study, "nfm-loss_weight=0.1", "sliding")[42] - bpb(study, "base", "sliding")[42]
    assert float(sweep["sliding_bpb_difference"][2]) == pytest.approx(expected)
    assert str(sweep["sliding_bpb_difference_verdict"][2]).startswith("not resolved at n = 1; about")


def test_a_sweep_over_several_seeds_is_corrected_by_holm(new_study: Callable[[int], Any], tmp_path: Path) -> None:
    study = new_study(2)
    for point in study.manifest["sweeps"]["loss_weight"]["variants"]:
        study.variants[point] = [42, 1337, 2025]
        study.manifest["runs"] += [study.run(point, seed) for seed in (1337, 2025)]
    study.manifest["sweeps"]["loss_weight"]["seeds"] = [42, 1337, 2025]
    study.complete()
    tables(study.manifest_path, tmp_path)
    effects = pd.read_csv(tmp_path / "effects.csv")
    family = effects[effects["family"] == "sweep loss_weight"].dropna(subset=["p"])
    assert list(family["tests"]) == [4.0] * 4
    assert family["p_holm"].min() == pytest.approx(min(1.0, 4 * family["p"].min()))


def test_a_sweep_that_holds_the_reference_does_not_test_it_against_itself(study: Any, made: Any) -> None:
    study.manifest["sweeps"]["loss_weight"]["variants"][0] = "base"
    study.manifest["runs"].remove(study.entry("nfm-loss_weight=0.05", 42))
    tables_made = made()
    assert tables_made["sweep_loss_weight"]["sliding_bpb_difference"][1] == "reference"
    assert not tables_made["effects"]["what"].str.startswith("loss_weight 0.05").any()


def test_trajectory_has_a_column_per_seed(made: Any) -> None:
    trajectory = made()["trajectory"]
    assert {"seed42", "seed1337", "seed2025"} <= set(trajectory.columns)
    assert list(trajectory.loc[trajectory["variant"] == "nfm", "step"]) == [0, 50, 100, 150, 200, 250]
    assert set(trajectory.loc[trajectory["variant"] == "nfm-loss_weight=0.05", "seed1337"]) == {"-"}


def test_export_gap_and_distance_from_the_bound(made: Any) -> None:
    export = made()["export"]
    assert export["quantisation_gap_bpb"].tolist() == pytest.approx([0.005] * len(export))
    assert set(export["above_bound_bytes"]) == {4_000}
    assert set(export["plan"]) == {"int5 in 2, else int6"}


def as_published(study: Any) -> None:
    """Let the evaluations be made as those of the published study, but for the last incomplete window."""
    for stage in ("sliding", "legal_ttt"):
        settings = {"seq_len": 2048, "stride": 64}
        study.change_all(stage, settings=settings, tokens=62_021_845, device="cuda:0")


def test_compare_stands_beside_the_published_values(study: Any, made: Any) -> None:
    as_published(study)
    compare = made()["compare"].set_index(["variant", "figure"])
    nfm = compare.loc[("nfm", "sliding bpb")]
    assert float(nfm["published"]) == pytest.approx(1.1225202)
    assert nfm["verdict"] == "outside"
    assert compare.loc[("nfm-loss_weight=0.05", "sliding bpb"), "verdict"] == "unknown at n = 1"
    assert compare.loc[("nfm", "parameters"), "verdict"] == "another size"


def test_planted_nothing_is_said_of_published_values_that_were_scored_otherwise(study: Any, made: Any) -> None:
    compare = made()["compare"].set_index(["variant", "figure"])
    for figure in ("train val bpb", "sliding bpb", "legal TTT bpb"):
        assert compare.loc[("nfm", figure), "verdict"] == (
            "not comparable: positions 5 and 62,021,632, window 256 and 2,048, precision float32 and bfloat16"
        )
    assert compare.loc[("nfm", "bytes"), "verdict"] == "outside"


def test_values_like_the_published_ones_are_within_the_spread(study: Any, made: Any) -> None:
    as_published(study)
    for seed, value in ((42, 1.1230), (1337, 1.1224), (2025, 1.1212)):
        study.change("nfm", seed, "sliding", bpb=value)
        study.change("nfm", seed, "train", parameters=27_530_952)
    compare = made()["compare"].set_index(["variant", "figure"])
    assert compare.loc[("nfm", "sliding bpb"), "verdict"] == "within"
    assert compare.loc[("nfm", "parameters"), "verdict"] == "same size"


def test_planted_values_without_spread_are_neither_within_nor_outside(study: Any, made: Any) -> None:
    """The published base has one seed, ours three that gave the same figure."""
    as_published(study)
    for seed in (42, 1337, 2025):
        study.change("base", seed, "sliding", bpb=1.2)
    compare = made()["compare"].set_index(["variant", "figure"])
    assert compare.loc[("base", "sliding bpb"), "verdict"] == "no spread between seeds"


def test_tables_of_a_study_that_has_not_begun(new_study: Callable[[int], Any], tmp_path: Path) -> None:
    tables(new_study(2).manifest_path, tmp_path)
    for name in ("seeds", "two_by_two", "sweep_loss_weight", "trajectory", "export", "compare", "summary"):
        assert "pending" in (tmp_path / f"{name}.md").read_text(), name


def test_markdown_and_html_print_the_values_of_the_csv(made: Any, tmp_path: Path) -> None:
    mean = float(made()["seeds"].query("variant == 'base' and seed == 'mean'")["sliding_bpb"].iloc[0])
    for suffix in ("md", "html", "tex"):
        assert f"{mean:.5f}" in (tmp_path / "tables" / f"seeds.{suffix}").read_text()


def test_print_main_shows_the_named_variants(study: Any, capsys: pytest.CaptureFixture[str]) -> None:
    study.remove("nfm", 2025, "legal_ttt")
    print_main(study.manifest_path)
    printed = capsys.readouterr().out
    assert printed.startswith("# made_up\n\nDoes it?\n")
    assert "pending" in printed and "## 2x2" in printed
    assert "nfm-loss_weight" not in printed
