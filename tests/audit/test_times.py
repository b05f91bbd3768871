"""Seconds against the limits; steps, tokens and durations against the claims."""

from typing import Any


def test_training_longer_than_the_limit(record: Any) -> None:
    record.edit(7, "train_time:599812ms step:", "train_time:612345ms step:")
    record.edit(7, "train_time:599812ms step_avg:119.96ms", "train_time:612345ms step_avg:122.47ms")
    finding = record.one("error", "train-time")
    assert "longer than 600 s: seed 7 trained for 612.34 s" in finding.text or "612.35 s" in finding.text
    assert finding.places[0].file == "train_seed7.log"


def test_stopped_just_after_the_limit_is_a_note(record: Any) -> None:
    record.edit_all("train_time:599812ms step:", "train_time:600128ms step:")
    assert "stopped just after 600 s: seeds 7, 11 and 13 trained for 600.13 s" in record.one("note", "train-time").text


def test_the_other_track_has_no_limit(record: Any) -> None:
    record.claims["track"] = "non_record_16mb"
    record.edit_all("train_time:599812ms step:", "train_time:13879414ms step:")
    record.edit_all("step_avg:119.96ms", "step_avg:2775.88ms")
    record.edit_all("eval_time:97749ms", "eval_time:7190260ms")
    assert "no limit in this track: seeds 7, 11 and 13 trained for 13,879.41 s" in record.one("note", "train-time").text
    assert "no limit in this track: up to 7,190.260 s" in record.one("note", "eval-time").text
    assert record.found("error", "train-time") == record.found("error", "eval-time") == []


def test_a_track_that_is_not_stated_is_judged_by_the_limits(record: Any) -> None:
    del record.claims["track"]
    record.edit_all("eval_time:97749ms", "eval_time:700000ms")
    assert record.one("not stated", "claim").text == "the track; judged by the limits of 10min_16mb"
    assert "an evaluation took 700.000 s, more than 600" in record.one("error", "eval-time").text


def test_the_track_of_a_folder_above(tmp_path: Any, record: Any) -> None:
    from flowgolf.audit.verdict import audit

    del record.claims["track"]
    above = tmp_path / "track_non_record_16mb"
    above.mkdir()
    record.save().rename(above / "record")
    assert audit(above / "record").case.track == "non_record_16mb"


def test_calibration_counts_as_training(block_record: Any) -> None:
    block_record.edit_all("in 9.7s", "in 12.7s")
    block_record.claims["compliance"] = {"train_under_600s": True}
    finding = block_record.one("warning", "train-time")
    assert "with the calibration of the export, which counts as training" in finding.text
    assert "588.047 + 12.7 = 600.747" in finding.text
    assert any(place.file == "submission.json" for place in finding.places)


def test_calibration_within_the_limit(block_record: Any) -> None:
    assert block_record.found("warning", "train-time") == []


def test_evaluation_longer_than_the_limit(record: Any) -> None:
    record.edit(7, "eval_time:97749ms", "eval_time:601000ms")
    assert "an evaluation took 601.000 s, more than 600" in record.one("error", "eval-time").text


def test_all_evaluations_together(record: Any) -> None:
    record.edit(7, "eval_time:97749ms", "eval_time:590000ms")
    assert "all evaluations together took 610.430 s, more than 600" in record.one("warning", "eval-time").text


def test_a_total_that_the_log_states(block_record: Any) -> None:
    block_record.logs[7] += "total_eval_time:650.5s\n"
    assert "an evaluation took 650.5 s" in block_record.one("error", "eval-time").text


def test_one_evaluation_under_two_names_counts_once(record: Any) -> None:
    record.edit(7, "eval_time:97749ms", "eval_time:400000ms")
    line = next(text for text in record.logs[7].splitlines() if text.startswith("final_int6_sliding_window "))
    record.logs[7] += line.replace("final_int6_sliding_window", "again") + "\n"
    assert record.found("warning", "eval-time") == []


def test_seconds_that_are_not_stated(record: Any) -> None:
    record.edit_all(" eval_time:20430ms", "")
    record.edit_all(" eval_time:97749ms", "")
    assert {each.text for each in record.found("not stated", "eval-time")} == {"how long the evaluation took"}
    record.edit(7, "stride:64", "stride:64 eval_time:0ms")
    texts = {each.text for each in record.found("not stated", "eval-time")}
    assert "how long 'final_int6_sliding_window' took: 0 is printed" in texts


def test_training_seconds_that_are_not_stated(record: Any) -> None:
    for old in ("train_time:599812ms ", "train_time:119ms ", "train_time:0ms "):
        record.edit_all(old, "")
    record.edit_all("stopping_early: wallclock_cap step:5000/20000\n", "")
    assert "how long seed 7 was trained" in {each.text for each in record.found("not stated", "train-time")}


def test_steps_times_seconds_a_step(record: Any) -> None:
    record.edit(7, "step_avg:119.96ms", "step_avg:100.00ms")
    assert "5,000 steps of 100.00 ms are 500 s, not 599.812 s" in record.one("warning", "time").text


def test_two_runs_in_one_log(record: Any) -> None:
    record.edit(
        7, "Serialized model: ", "step:4/20000 train_loss:7.1 train_time:599812ms step_avg:119.96ms\nSerialized model: "
    )
    assert "the step is below that of the line before: two runs in one log?" in {
        each.text for each in record.found("warning", "steps")
    }


def test_claimed_steps(record: Any) -> None:
    record.claims["seed_results"]["7"]["steps"] = 5_100
    assert "seed_results.steps of seed 7 5,100: the logs have 5,000" in record.one("warning", "steps").text


def test_claimed_tokens(record: Any) -> None:
    record.claims["training_tokens_billions"] = 3.93
    assert record.found("warning", "steps") == []
    record.claims["training_tokens_billions"] = 5.51
    assert "training_tokens_billions 5.51: 5,000 steps of 786,432 tokens are 3,932,160,000" in (
        record.one("warning", "steps").text
    )


def test_claimed_durations(record: Any) -> None:
    given = {
        "training_time_hours": 0.17, "train_time_s": 599.8, "step_avg_ms_mean": 119.96, "eval_time_seconds": 118,
        "eval_time_ms": 97749, "wallclock_seconds": 600,
    }  # fmt: skip
    record.claims |= given
    assert record.found("not stated", "time") == []
    record.claims["seed_results"]["11"]["eval_time_s"] = 124.3
    record.claims["seed_results"]["13"]["eval_time_s"] = 131.1
    text = record.one("not stated", "time").text
    assert text.startswith("a line that gives seed_results.eval_time_s 124.3 (seed 11) and 131.1 (seed 13)")


def test_shards_seen_more_than_once(record: Any) -> None:
    record.edit_all("train_shards:80", "train_shards:20")
    text = record.one("note", "data").text
    assert "5,000 steps of 786,432 tokens are 3.93 billion, from 20 shards" in text
    assert "each token was seen 2.0 times" in text


def test_a_log_that_says_it_began_again(record: Any) -> None:
    record.edit(
        7, "Serialized model: ", "WARNING: starting epoch:3 dataset:fineweb train_shards:80\nSerialized model: "
    )
    assert "the training shards were seen again: epoch 3" in record.one("note", "data").text
