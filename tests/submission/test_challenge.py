"""The keys of compliance that records carry: each is false for the violation that it is about, and for no other."""

import json
from typing import Any

import pytest

from flowgolf.submission.challenge import KEYS, challenge, reasons
from flowgolf.submission.folder import submission_folder
from flowgolf.submission.seeds import SeedRecords
from repository import ROOT


def flags(submittable: Any) -> dict[str, bool]:
    runs = [SeedRecords.read(seed, paths) for seed, paths in zip(submittable.seeds, submittable.records, strict=True)]
    return challenge(runs)


def false_keys(submittable: Any) -> set[str]:
    return {key for key, holds in flags(submittable).items() if not holds}


REPLAY = {"rounds": 2, "positions": 2, "largest_difference": 1e-7, "mean_difference": 1e-8, "tolerance": 1e-4}
PLANTS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "ten minutes and a second of training": ("train", {"elapsed_seconds": 601.0}, {"train_under_600s"}),
    "calibration beyond ten minutes": (
        "export", {"calibration": {"shards": ["1"], "seconds": 540.5}}, {"train_under_600s"},
    ),
    "evaluations of ten minutes and a second": ("sliding", {"seconds": 597.0}, {"eval_under_600s"}),
    "a byte too many": ("export", {"bytes_weights": 16_000_000}, {"artifact_under_16mb"}),
    "trained on before it was scored": (
        "legal_ttt_checks", {"events": [["score", 0, 6, 0], ["update", 4, 8, 3], ["score", 6, 10, 0]]},
        {"score_first_ttt"},
    ),
    "trained on after the last score": (
        "legal_ttt_checks", {"events": [["score", 0, 10, 0], ["update", 0, 6, 3]]}, {"score_first_ttt"},
    ),
    "a position left out": (
        "legal_ttt_checks", {"events": [["score", 0, 6, 0], ["update", 0, 6, 3], ["score", 6, 9, 0]]},
        {"score_first_ttt"},
    ),
    "calibrated on a shard that is none of training": (
        "export", {"calibration": {"shards": ["4"], "seconds": 1.0}}, {"no_pre_quant_ttt"},
    ),
    "trained on another shard than those compared with validation": (
        "train", {"training_shards": ["1", "4"]}, {"no_pre_quant_ttt"},
    ),
    "nobody compared training with validation": (
        "sliding_checks", {"checks": [{"rule": rule} for rule in (6, 10, 17, 18)]}, {"no_pre_quant_ttt"},
    ),
    "weights fitted in the sliding window": ("sliding", {"weights": {"links": 2}}, {"no_slot"}),
    "weights fitted beside the booked rounds": ("legal_ttt", {"weights": {"links": 3}}, {"no_slot"}),
    "weights fitted in one of several parts": (
        "sliding", {"parts": [{"weights": {"links": 1}}, {"weights": {"links": 2}}]}, {"no_slot"},
    ),
    "a bias for each token": ("train", {"tensors": {"head.b": {"shape": "1024"}}}, {"no_etlb"}),
    "nats that the model's own logits do not give": (
        "legal_ttt", {"replay": {**REPLAY, "largest_difference": 1e-3}}, {"no_slot", "no_etlb", "no_ngram_cache"},
    ),
    "a round that was not replayed": (
        "legal_ttt", {"replay": {**REPLAY, "rounds": 1}}, {"no_slot", "no_etlb", "no_ngram_cache"},
    ),
    "buffers that nobody watched": (
        "sliding_checks", {"checks": [{"rule": rule} for rule in (6, 7, 10, 17)]}, {"no_ngram_cache"},
    ),
    "one artifact under two seeds": ("export", {"artifact_sha256": "f" * 64}, {"three_seeds"}),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_planted_violation_is_false_by_name(submittable: Any, plant: str) -> None:
    kind, changes, expected = PLANTS[plant]
    for seed in (1337, 2025) if plant.startswith("one artifact") else (1337,):
        submittable.change(seed, kind, **changes)
    assert false_keys(submittable) == expected


def test_every_key_has_a_plant_and_none_is_false_without() -> None:
    planted = set().union(*(expected for *_, expected in PLANTS.values()))
    assert planted == set(KEYS) == set(reasons())


def test_honest_records_are_true_under_every_key(submittable: Any) -> None:
    assert flags(submittable) == dict.fromkeys(KEYS, True)


def test_two_seeds_are_not_three(submittable: Any) -> None:
    submittable.records, submittable.seeds = submittable.records[:2], submittable.seeds[:2]
    assert false_keys(submittable) == {"three_seeds"}


def test_a_vector_as_wide_as_the_model_is_no_bias_for_tokens(submittable: Any) -> None:
    for seed in submittable.seeds:
        vectors = {"norm.scale": {"shape": "1024"}}
        submittable.change(seed, "train", model={"vocab_size": 1024, "dim": 1024}, tensors=vectors)
    assert false_keys(submittable) == set()
    submittable.change(1337, "train", tensors={"head.bias": {"shape": "1 x 1024"}})
    assert false_keys(submittable) == {"no_etlb"}


def test_what_is_false_is_told_and_stands_in_the_record_and_in_the_readme(submittable: Any, capsys: Any) -> None:
    submittable.change(1337, "train", elapsed_seconds=700.0)
    submission_folder(**{**submittable.arguments, "limits": None})
    folder = submittable.arguments["folder"]
    compliance = json.loads((folder / "submission.json").read_text())["compliance"]
    assert {key for key, holds in compliance.items() if not holds} == {"train_under_600s"}
    assert "submission nfm: compliance is false for train_under_600s" in capsys.readouterr().err
    rows = (folder / "README.md").read_text().splitlines()
    assert [row.split("|")[1].strip() for row in rows if row.startswith("|") and "| no " in row] == ["train_under_600s"]


def test_the_schema_has_every_key_as_true_or_false_and_asks_for_it() -> None:
    schema = json.loads((ROOT / "resources" / "submission.schema.json").read_text())["properties"]["compliance"]
    assert set(KEYS) <= set(schema["required"])
    assert all(schema["properties"][key] == {"type": "boolean"} for key in KEYS)
