"""What an arm changes from the reference: from its records, or from the configuration before there are any."""

from collections.abc import Callable
from typing import Any

import pytest

from flowgolf.report.results.changes import changes_text
from flowgolf.report.results.collect import collect_results

PART = {"hidden_dim": 64, "init": "orthogonal"}


def changes(study: Any, variant: str = "nfm") -> str:
    return changes_text(collect_results(study.manifest_path), variant)


def change_all_seeds(study: Any, variant: str, stage: str, **values: Any) -> None:
    for seed in study.variants[variant]:
        study.change(variant, seed, stage, **values)


def test_every_stage_of_the_records_is_compared_under_the_keys_of_the_configuration(study: Any) -> None:
    change_all_seeds(study, "nfm", "train", train={"steps": 300})
    change_all_seeds(study, "nfm", "export", settings={"clip": "quantile"})
    change_all_seeds(study, "nfm", "sliding", settings={"seq_len": 256, "stride": 32})
    change_all_seeds(study, "nfm", "legal_ttt", settings={"seq_len": 128, "stride": 64})
    assert changes(study) == (
        "model.points = 1, train.steps = 300, export.clip = quantile, evaluate.sliding.stride = 32, "
        "evaluate.legal_ttt.seq_len = 128"
    )


def test_records_count_and_not_the_configuration(study: Any) -> None:
    study.manifest["variants"]["nfm"] = {"model": {"points": 7}, "train": {"steps": 9}}
    assert changes(study) == "model.points = 1"


def test_an_arm_with_the_settings_of_the_reference_changes_nothing(study: Any) -> None:
    change_all_seeds(study, "nfm", "train", model={"dim": 128, "points": 0})
    assert changes(study) == "nothing"


@pytest.mark.parametrize(
    ("ours", "reference", "text"),
    [
        (PART, None, "model.part.hidden_dim = 64, model.part.init = orthogonal"),
        (None, PART, "model.part = null"),
        ({**PART, "hidden_dim": 32}, PART, "model.part.hidden_dim = 32"),
        ({"hidden_dim": 64}, PART, "model.part.init = not set"),
        ([1, True], [1, False], "model.part = [1, true]"),
    ],
)
def test_a_part_that_is_added_taken_away_or_changed(study: Any, ours: Any, reference: Any, text: str) -> None:
    change_all_seeds(study, "nfm", "train", model={"part": ours})
    change_all_seeds(study, "base", "train", model={"part": reference})
    assert changes(study) == text


@pytest.mark.parametrize(
    ("ours", "reference", "text"),
    [
        ({"model": {"part": PART}}, {}, "model.part.hidden_dim = 64, model.part.init = orthogonal"),
        ({"model": {"part": {}}}, {}, "model.part = {}"),
        ({"export": {"plan": "matched"}, "train": {"steps": 9}}, {}, "train.steps = 9, export.plan = matched"),
        ({}, {"model": {"part": None}}, "model.part = the baseline's"),
        (
            {"model": {"part": PART}},
            {"model": {"part": None}},
            "model.part.hidden_dim = 64, model.part.init = orthogonal",
        ),
        ({"model": {"dim": 8}}, {"model": {"dim": 8}}, "nothing"),
        ({"evaluate": {"legal_ttt": {"seed": 1}}}, {}, "evaluate.legal_ttt.seed = 1"),
    ],
)
def test_before_any_record_the_configuration_says_it(
    new_study: Callable[[int], Any], ours: Any, reference: Any, text: str
) -> None:
    study = new_study(1)
    study.manifest["variants"] |= {"nfm": ours, "base": reference}
    assert changes(study) == text


def test_a_stage_without_a_record_of_the_reference_is_told_by_the_configuration(study: Any) -> None:
    for seed in study.variants["base"]:
        study.remove("base", seed, "export")
    study.manifest["variants"]["nfm"] = {"export": {"clip": "quantile"}}
    assert changes(study) == "model.points = 1, export.clip = quantile"
