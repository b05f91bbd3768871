"""Verdicts on claims follow from the records alone: the first look that decides, whatever comes after."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flowgolf.report.results.claims import in_words, judged_claims, record_of, verdict
from flowgolf.report.results.collect import collect_results
from flowgolf.report.results.study_rules import check
from flowgolf.report.tables.claims import claims_table
from flowgolf.report.tables.tables import tables
from flowgolf.study.claims import ClaimSettings
from made_up_study import StudyFolder

LOWER: dict[str, Any] = {"arm": "nfm", "against": "base", "value": "sliding", "smallest": 0.005}


def planted(folder: Path, differences: list[float], rule: dict[str, int] | None = None, **claim: Any) -> StudyFolder:
    """A study whose arm differs from its base by these values of sliding bpb, seed by seed."""
    study = StudyFolder(folder, num_points=0)
    seeds = list(range(1, len(differences) + 1))
    study.variants = {"base": seeds, "nfm": seeds}
    study.manifest |= {
        "seeds": seeds[: rule["start"]] if rule else seeds, "seed_rule": rule,
        "claims": {"helps": ClaimSettings(**{**LOWER, **claim}).model_dump()},
        "runs": [study.run(variant, seed) for variant in study.variants for seed in seeds],
    }  # fmt: skip
    for seed, difference in zip(seeds, differences, strict=True):
        for variant, shift in (("base", 0.0), ("nfm", difference)):
            score = {"bpb": 2.1 + 0.01 * math.sin(seed) + shift, "tokens": 5, "bytes": 10, "settings": {}, "seconds": 1}
            study.write(study.entry(variant, seed)["sliding"], score)
    return study


def judged(study: StudyFolder) -> Any:
    (found,) = judged_claims(collect_results(study.manifest_path))
    return found


RULE = {"start": 3, "most": 12}
CLEAR = [-0.0100, -0.0104, -0.0098, -0.0101, -0.0400, 0.9]


def test_it_is_decided_at_the_first_look_that_can_tell(tmp_path: Path) -> None:
    found = judged(planted(tmp_path, CLEAR, RULE))
    assert [look.n for look in found.looks] == [3, 4, 5, 6]
    assert (found.last.n, found.last.verdict) == (3, "supported")
    assert found.last.estimate == pytest.approx(np.mean(CLEAR[:3]))
    assert found.last.low < found.last.estimate < found.last.high < 0


@pytest.mark.parametrize(
    ("differences", "claim", "word"),
    [
        ([0.010, 0.011, 0.0098], {}, "refuted"),
        ([0.010, 0.011, 0.0098], {"direction": "higher"}, "supported"),
        ([-0.0010, 0.0008, -0.0002, 0.0004, -0.0006], {}, "smaller than matters"),
        ([-0.0100, -0.0104, -0.0098], {"at_least": True}, "supported"),
        ([-0.0100, -0.0104, -0.0098], {"at_least": True, "smallest": 0.02}, "smaller than matters"),
        ([-0.010, 0.012, -0.03], {}, "undecided"),
        ([-0.010] * 5, {}, "undecided"),
    ],
)
def test_what_the_bounds_say(tmp_path: Path, differences: list[float], claim: dict[str, Any], word: str) -> None:
    found = judged(planted(tmp_path, differences, RULE, **claim))
    assert (found.last.verdict, found.decided) == (word, word != "undecided")


def test_listed_seeds_are_looked_at_once(tmp_path: Path) -> None:
    found = judged(planted(tmp_path, CLEAR[:4]))
    assert [look.n for look in found.looks] == [4]


def test_nats_per_token_are_bits_per_byte_times_ln_2_and_bytes_per_token(tmp_path: Path) -> None:
    bpb, nats = (judged(planted(tmp_path / unit, CLEAR[:3], RULE, unit=unit)) for unit in ("bpb", "nats"))
    assert nats.last.estimate == pytest.approx(bpb.last.estimate * math.log(2) * 10 / 5)
    assert nats.last.high == pytest.approx(bpb.last.high * math.log(2) * 10 / 5)


def test_a_bar_takes_the_arm_alone(tmp_path: Path) -> None:
    bar = {"against": None, "bar": 2.0, "direction": "higher", "test": "one_sample_t"}
    found = judged(planted(tmp_path, [0.0, 0.0, 0.001], **bar))
    assert found.last.estimate == pytest.approx(
        0.1 + np.mean([0.01 * math.sin(seed) for seed in (1, 2, 3)]) + 0.001 / 3
    )
    assert found.last.verdict == "supported"


def test_seeds_come_one_at_a_time_until_it_is_decided_or_the_most_is_reached(tmp_path: Path) -> None:
    noisy = [-0.010, 0.012, -0.03, 0.02]

    def wanted(name: str, differences: list[float], rule: dict[str, int]) -> dict[str, int]:
        return dict(record_of(collect_results(planted(tmp_path / name, differences, rule).manifest_path))["seeds"])

    assert wanted("more", noisy, RULE) == {"nfm": 5, "base": 5}
    assert wanted("most", noisy, {"start": 3, "most": 4}) == {"nfm": 4, "base": 4}
    assert wanted("decided", CLEAR, RULE) == {"nfm": 3, "base": 3}
    at_the_end = collect_results(planted(tmp_path / "end", noisy, {"start": 3, "most": 4}).manifest_path)
    assert (record_of(at_the_end)["undecided"], record_of(at_the_end)["next"]) == (["helps"], {})


def test_a_seed_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    study = planted(tmp_path, [-0.010, 0.012, -0.03, 0.02], RULE)
    study.remove("nfm", 4, "sliding")
    found = judged(study)
    assert [look.n for look in found.looks] == [3]
    assert record_of(collect_results(study.manifest_path))["seeds"] == {"nfm": 4, "base": 4}
    study.remove("nfm", 1, "sliding")
    assert (judged(study).looks, judged(study).reason) == ((), "pending")


def test_figures_that_were_made_otherwise_are_not_looked_at(tmp_path: Path) -> None:
    study = planted(tmp_path, CLEAR, RULE)
    study.change("nfm", 2, "sliding", settings={"seq_len": 1})
    assert judged(study).reason.startswith("not comparable: window 1 and not recorded")


def test_bounds_that_there_are_not_yet_are_null(tmp_path: Path) -> None:
    record = record_of(collect_results(planted(tmp_path, [-0.01, -0.02], {"start": 2, "most": 3}).manifest_path))
    (look,) = json.loads(json.dumps(record, allow_nan=False))["claims"]["helps"]
    assert (look["low"], look["high"], look["verdict"]) == (None, None, "undecided")


def test_a_claim_in_words() -> None:
    assert in_words(LOWER) == "nfm lower than base by sliding"
    bar = {"arm": "nfm", "bar": 0, "value": "ttt_gain", "preset": "challenge", "test": "anytime"}
    assert in_words(bar) == "nfm lower than 0 by TTT gain, by more than 0.005 nats"


def test_the_table_says_what_was_looked_at(tmp_path: Path) -> None:
    study = planted(tmp_path, CLEAR, RULE)
    row = claims_table(collect_results(study.manifest_path)).frame.iloc[0]
    assert (row["verdict"], row["n"], row["looks"]) == ("supported", 3, "3")
    assert "until a claim is decided" in " ".join(claims_table(collect_results(study.manifest_path)).notes)


def test_the_claims_stand_first_in_the_summary(study: StudyFolder, tmp_path: Path) -> None:
    study.manifest["claims"] = {"helps": ClaimSettings(**LOWER).model_dump()}
    tables(study.manifest_path, tmp_path / "tables")
    summary = (tmp_path / "tables" / "summary.md").read_text()
    assert 0 < summary.index("## Claims") < summary.index("## Seeds")
    written = pd.read_csv(tmp_path / "tables" / "claims.csv")
    assert list(written["n"]) == [3] and written["verdict"].notna().all()


def test_bounds_on_the_line_decide_nothing() -> None:
    claim = ClaimSettings(**LOWER)
    assert verdict(claim, -0.01, 0.0) == "undecided"
    assert verdict(claim, -0.005, 0.001) == "undecided"
    assert verdict(claim, -0.0049, 0.001) == "smaller than matters"


def test_planted_a_seed_that_was_added_after_the_verdict(tmp_path: Path) -> None:
    study = planted(tmp_path, CLEAR[:4], RULE)
    with pytest.raises(
        ValueError, match=r"variant nfm: seed 4 was added after its claims were decided at 3 \(rule 14\)"
    ):
        check(collect_results(study.manifest_path))
    study = planted(tmp_path / "in order", [-0.010, 0.012, -0.03, 0.02], RULE)
    check(collect_results(study.manifest_path))
