"""The submission folder: its files, its figures, and every rule that must hold before it is written."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from flowgolf.evaluate.verify import RULES
from flowgolf.submission.challenge import KEYS
from flowgolf.submission.folder import READABLE, submission_folder
from flowgolf.submission.one_file import bundle
from flowgolf.submission.one_file.wrapper import unwrapped
from flowgolf.submission.seeds import FLAGS, LIMITS, NotFitError

BPB = [1.15 + seed / 1e5 for seed in (42, 1337, 2025)]


def submit(submittable: Any, **changes: Any) -> Path:
    submission_folder(**{**submittable.arguments, **changes})
    return Path(submittable.arguments["folder"])


def test_a_folder_holds_all_that_a_pull_request_needs(submittable: Any) -> None:
    folder = submit(submittable)
    logs = ["train_seed1337.log", "train_seed2025.log", "train_seed42.log"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "artifact.bin", "submission.json", "train_gpt.py", READABLE, *logs,
    ]  # fmt: skip
    assert (folder / "artifact.bin").read_bytes() == b"weights 1337"
    assert (folder / "train_gpt.py").stat().st_size == bundle.size_bytes(
        submittable.settings.model_dump(), in_wrapper=True
    )
    assert unwrapped((folder / "train_gpt.py").read_text()) == (folder / READABLE).read_text()


def test_figures_are_means_over_seeds(submittable: Any) -> None:
    record = json.loads((submit(submittable) / "submission.json").read_text())
    assert record["val_bpb"] == pytest.approx(statistics.fmean(BPB), rel=1e-12)
    assert record["val_bpb_std"] == pytest.approx(statistics.stdev(BPB), rel=1e-12)
    assert record["seeds"] == [42, 1337, 2025]
    assert [record["seed_results"][seed]["val_bpb"] for seed in ("42", "1337", "2025")] == BPB
    assert record["bytes_total"] == 12 + record["bytes_code"]
    assert (record["hardware"], record["date"], record["slurm_jobs"]) == ("8 x NVIDIA H100", "2026-01-03", ["77"] * 3)


def test_uncommitted_code_is_not_submitted_without_a_word(submittable: Any, capsys: Any) -> None:
    submit(submittable)
    assert "-dirty" not in capsys.readouterr().err
    path = Path(submittable.records[1]["train"])
    path.write_text(json.dumps({**json.loads(path.read_text()), "commit": "abc-dirty"}))
    submit(submittable)
    assert "submission nfm: nobody can check out the code of seeds 1337 (-dirty)" in capsys.readouterr().err


def test_one_seed_has_no_spread(submittable: Any) -> None:
    folder = submit(submittable, records=submittable.records[1:2], seeds=[1337])
    assert json.loads((folder / "submission.json").read_text())["val_bpb_std"] is None
    assert "mean of 1 seed." in (folder / "README.md").read_text()


def test_readme_and_log_give_the_figures(submittable: Any) -> None:
    folder = submit(submittable)
    text = (folder / "README.md").read_text()
    assert f"**val_bpb {statistics.fmean(BPB):.5f}**" in text
    assert "| 1337   | 1.16337" in text
    assert f"{bundle.size_bytes(submittable.settings.model_dump(), in_wrapper=True):,} bytes of code" in text
    lines = (folder / "train_seed42.log").read_text().splitlines()
    assert lines[0] == "train nfm seed:42"
    assert lines[1] == "model {'dim': 64, 'vocab_size': 1024}"
    assert "train step:0 val_bpb:3.5" in lines
    assert "train step:1 train_loss:6.9" in lines
    assert "legal_ttt chunk:0 running_bpb:1.25" in lines


def test_a_matched_plan_is_spelt_out(submittable: Any) -> None:
    settings = submittable.settings
    settings = settings.model_copy(update={"export": settings.export.model_copy(update={"plan": "matched"})})
    text = (submit(submittable, settings=settings) / READABLE).read_text()
    assert "'plan': {0: 5, 1: 6}" in text


def test_event_files_are_not_asked_for_where_their_package_is_missing(submittable: Any) -> None:
    settings = submittable.settings
    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"tensorboard": True})})
    assert "'tensorboard': False" in (submit(submittable, settings=settings) / READABLE).read_text()


def test_every_rule_of_an_evaluation_has_a_flag(submittable: Any) -> None:
    assert FLAGS.keys() == RULES.keys()
    record = json.loads((submit(submittable) / "submission.json").read_text())
    others = {"size_within_the_cap", "settings_equal_across_seeds", "evaluated_in_one_run"}
    assert record["compliance"] == dict.fromkeys({*FLAGS.values(), *others, *LIMITS, *KEYS}, True)


def test_without_a_wrapper_the_readable_file_is_what_is_submitted_and_counted(submittable: Any) -> None:
    export = submittable.settings.export.model_copy(update={"code_wrapper": False})
    submittable.settings = submittable.settings.model_copy(update={"export": export})
    size = bundle.size_bytes(submittable.settings.model_dump())
    for seed in (42, 1337, 2025):
        submittable.change(seed, "export", bytes_code=size, bytes_total=12 + size)
    submit(submittable)
    folder = submittable.arguments["folder"]
    assert (folder / "train_gpt.py").stat().st_size == size
    assert not (folder / READABLE).exists()


def test_the_seconds_of_a_calibration_count_as_training(submittable: Any) -> None:
    submittable.change(1337, "export", calibration={"shards": ["1"], "tokens": 64, "seconds": 5.5})
    submit(submittable)
    log = submittable.arguments["folder"] / "train_seed1337.log"
    assert "calibration on 64 training tokens in 5.5 s" in log.read_text().splitlines()
    record = json.loads((submittable.arguments["folder"] / "submission.json").read_text())
    assert record["training_seconds"] == record["seed_results"]["1337"]["training_seconds"] == 65.5
    assert record["seed_results"]["42"]["training_seconds"] == 60.0


@pytest.mark.parametrize("evaluation", ["sliding", "legal_ttt"])
@pytest.mark.parametrize("rule", FLAGS)
def test_planted_violation_a_rule_that_no_check_answers_for(submittable: Any, rule: int, evaluation: str) -> None:
    kept = [{"rule": other, "name": name, "evidence": ""} for other, name in FLAGS.items() if other != rule]
    submittable.change(42, f"{evaluation}_checks", checks=kept)
    with pytest.raises(
        NotFitError, match=f"seed 42: rule {rule}, {FLAGS[rule]}: the checks of {evaluation} do not answer"
    ):
        submit(submittable)
    assert not submittable.arguments["folder"].exists()


PLANTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "other code than was counted": (
        "export", {"bytes_code": 115_032}, r"rule 11: the export counted 115032 bytes of code, and train_gpt.py has",
    ),
    "more than the cap": ("export", {"cap_bytes": 9}, r"rule 11: weights and code are \d+ bytes, \d+ more than"),
    "calibrated on a shard that is not the training's": (
        "export", {"calibration": {"shards": ["1", "9" * 64], "seconds": 5.0}},
        "rule 7: the export was calibrated on a shard that is none of the training's, SHA-256 999",
    ),
    "a part of the validation set": ("sliding", {"partial": True}, "rule 8: sliding scored a part of the validation"),
    "another artifact scored": ("legal_ttt", {"artifact_sha256": "f" * 64}, "rule 6: legal_ttt.json is of artifact ff"),
    "checks of another artifact": ("sliding_checks", {"artifact_sha256": "f" * 64}, "rule 6: its checks.json is of"),
    "other training shards than those compared": (
        "train", {"training_shards": ["1", "9"]}, "rule 19: sliding compared validation with other training shards",
    ),
    "a training beyond the limit": (
        "train", {"elapsed_seconds": 600.4}, "rule 23: train took 600.4 s, limits.train_seconds is 600",
    ),
    "evaluations beyond the limit together": (
        "sliding", {"seconds": 597.0}, "rule 23: evaluate took 601.0 s, limits.evaluate_seconds is 600",
    ),
    "more devices": ("train", {"devices": 16}, "rule 23: trained on 16 x NVIDIA H100, limits say 8 x H100"),
    "another device": ("train", {"device": "NVIDIA B200"}, "rule 23: trained on 8 x NVIDIA B200, limits say 8 x H100"),
    "other settings": ("train", {"train": {"steps": 8}}, "rule 13: train had other settings than with seed 42"),
}  # fmt: skip


@pytest.mark.parametrize("evaluation", ["sliding", "legal_ttt"])
@pytest.mark.parametrize(("key", "value"), [("bpb", 1.0), ("loss", 1.0), ("nats", 19.0), ("bytes", 26), ("tokens", 11)])
def test_planted_violation_an_edited_figure(submittable: Any, evaluation: str, key: str, value: float) -> None:
    submittable.change(42, evaluation, **{key: value})
    with pytest.raises(ValueError, match=rf"seed42/{evaluation}.json: rule 20: (loss|bpb) is .* give"):
        submit(submittable)


def test_what_a_tolerance_let_pass_and_what_was_resumed_is_told(submittable: Any) -> None:
    submittable.change(42, "sliding", repeats={"documents": 3, "tolerated": 5})
    submittable.change(1337, "legal_ttt", resumed_at=[960])
    compliance = json.loads((submit(submittable) / "submission.json").read_text())["compliance"]
    assert {key for key, value in compliance.items() if not value} == {"disjoint", "evaluated_in_one_run"}


def test_without_limits_none_are_claimed(submittable: Any) -> None:
    record = json.loads((submit(submittable, limits=None) / "submission.json").read_text())
    assert record["limits"] is None and not set(LIMITS) & record["compliance"].keys()


@pytest.mark.parametrize("plant", PLANTS)
def test_planted_violation_is_told_and_nothing_is_written(submittable: Any, plant: str) -> None:
    kind, changes, message = PLANTS[plant]
    submittable.change(1337, kind, **changes)
    with pytest.raises(NotFitError, match=f"seed 1337: {message}"):
        submit(submittable)
    assert not submittable.arguments["folder"].exists()


def test_planted_violation_one_byte_more_code_than_was_counted(
    submittable: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = bundle.wrapped_train_gpt
    monkeypatch.setattr(bundle, "wrapped_train_gpt", lambda settings: generate(settings) + "\n")
    with pytest.raises(
        NotFitError, match=r"seed 42: rule 11: the export counted \d+ bytes of code, and train_gpt.py has"
    ):
        submit(submittable)


def test_planted_violation_another_file_under_the_artifacts_name(submittable: Any) -> None:
    (submittable.folder / "seed1337" / "artifact.bin").write_bytes(b"better weights")
    with pytest.raises(
        NotFitError, match="seed 1337: rule 6: .*artifact.bin is not the file that its export.json describes"
    ):
        submit(submittable)


def test_a_figure_that_the_schema_refuses_is_named(submittable: Any) -> None:
    with pytest.raises(ValueError, match=r"submission.json: author: '' should be non-empty"):
        submit(submittable, about={**submittable.arguments["about"], "author": ""})
