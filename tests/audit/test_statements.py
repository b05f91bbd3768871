"""Seeds, devices, versions, compliance and settings that are claimed; figures in texts."""

from typing import Any

import pytest


def test_a_log_that_the_claim_leaves_out(record: Any) -> None:
    record.claims["seeds"] = [7, 11]
    del record.claims["seed_results"]["13"]
    finding = record.found("warning", "seeds")[0]
    assert finding.text == "a log of seed 13, which the claim leaves out"
    assert [str(place) for place in finding.places] == ["train_seed13.log"]


def test_a_seed_without_a_log(record: Any) -> None:
    record.claims["seeds"].append(17)
    assert record.one("warning", "seeds").text == "no log of seed 17"


def test_a_file_named_after_another_seed(record: Any) -> None:
    record.write("train_seed99.log", record.logs.pop(7))
    assert "the file's name says seed 99, the log seed 7" in record.one("warning", "seeds").text


def test_a_log_without_a_seed(record: Any) -> None:
    record.edit(7, "seed:7\n", "")
    record.write("train.log", record.logs.pop(7))
    assert record.one("not stated", "seeds").text == "the seed"


def test_the_only_claimed_seed_owns_a_log_without_one(record: Any) -> None:
    record.claims |= {"seeds": [7], "seed_results": {}, "val_bpb": 1.10010203}
    for key in ("val_loss", "val_bpb_std"):
        del record.claims[key]
    record.logs = {7: record.logs[7].replace("seed:7\n", "")}
    record.write("train.log", record.logs.pop(7))
    assert record.audit().verdict.startswith("The logs give val_bpb 1.10010203: seed 7, 'final_int6_sliding_window'.")


def test_seeds_that_were_tried_and_left_out(record: Any) -> None:
    record.claims["seeds_attempted"] = [7, 11, 13, 17]
    assert record.one("warning", "seeds").text == "attempted and left out: 17"


def test_results_still_to_come(record: Any) -> None:
    record.claims["seed_results"]["13"]["legal_ttt_bpb"] = None
    assert record.one("not stated", "seeds").text == "null in submission.json: legal_ttt_bpb of seed 13"


def test_one_seed_alone(record: Any) -> None:
    record.claims = {"val_bpb": 1.10010203, "track": "10min_16mb"}
    record.logs = {7: record.logs[7]}
    assert record.one("note", "seeds").text == "one seed: nothing can be said about its spread"


GPU = "|   0  NVIDIA A100-SXM4-40GB          On  |   00000000:19:00.0 Off |                    0 |\n"


def test_other_devices_than_claimed(record: Any) -> None:
    record.claims["hardware"] = "4xA100 40GB"
    assert "hardware '4xA100 40GB': the log has 8 processes" in record.one("error", "claim").text
    record.claims["hardware"] = "8xH100 80GB SXM"
    assert "hardware '8xH100 80GB SXM': no log names the device" in record.one("not stated", "claim").text
    record.logs[7] = GPU + record.logs[7]
    assert "hardware '8xH100 80GB SXM': the log shows NVIDIA A100-SXM4-40GB" in record.one("error", "claim").text
    record.claims["hardware"] = "8xA100 40GB"
    assert record.found("error", "claim") == record.found("not stated", "claim") == []


def test_another_version_than_claimed(record: Any) -> None:
    record.claims["pytorch_version"] = "2.9.1+cu128"
    assert record.one("not stated", "claim").text == "pytorch_version 2.9.1+cu128: no log names it"
    record.logs[7] = "Running PyTorch 2.8.0+cu128\n" + record.logs[7]
    assert record.one("error", "claim").text == "pytorch_version 2.9.1+cu128: the log has 2.8.0+cu128"
    record.claims["pytorch_version"] = "2.8.0"
    assert record.found("error", "claim") == []


def test_flags_that_the_logs_contradict(block_record: Any) -> None:
    block_record.claims["compliance"] = {
        "train_under_600s": True, "eval_under_600s": True, "artifact_under_16mb": True, "three_seeds": True,
        "no_slot": True,
    }  # fmt: skip
    assert block_record.found("error", "claim") == block_record.found("not stated", "claim") == []
    block_record.edit(7, "train_time: 588047ms", "train_time: 688047ms")
    block_record.edit(7, "eval_time:120961ms", "eval_time:720961ms")
    block_record.edit_all("slot_enabled: False", "slot_enabled: True")
    block_record.edit(7, "quantized+brotli: 15920007", "quantized+brotli: 16920007")
    del block_record.logs[13]
    texts = {each.text.partition(",")[0] for each in block_record.found("error", "claim")}
    assert texts == {
        f"{name} is true"
        for name in ("train_under_600s", "eval_under_600s", "artifact_under_16mb", "three_seeds", "no_slot")
    }


def test_flags_that_no_line_speaks_of(record: Any) -> None:
    record.claims["compliance"] = {"no_ngram_cache": True, "score_first_ttt": True, "lucky": False}
    assert record.one("not stated", "claim").text == (
        "flags of compliance that no line of a log speaks of: no_ngram_cache and score_first_ttt"
    )


def test_flags_that_a_ledger_answers_for(own_record: Any) -> None:
    own_record.claims["compliance"] = dict.fromkeys(
        ("each_position_once", "whole_validation_set", "score_before_update", "size_within_the_cap"), True
    )
    assert own_record.found("error", "claim") == own_record.found("not stated", "claim") == []
    own_record.edit(7, "most_times_scored:1", "most_times_scored:2")
    own_record.edit(7, "positions_scored:40540160", "positions_scored:1")
    own_record.edit(7, "least_distance_to_frontier:1", "least_distance_to_frontier:0")
    texts = {each.text for each in own_record.found("error", "claim")}
    flags = ("each_position_once", "score_before_update", "whole_validation_set")
    assert texts == {f"{name} is true, and a ledger differs" for name in flags}


@pytest.mark.parametrize(("key", "value"), [("train_seq_len", 1024), ("world_size", 4), ("model_params", 1)])
def test_a_setting_that_the_log_has_otherwise(record: Any, key: str, value: int) -> None:
    record.claims[key] = value
    assert record.one("warning", "claim").text.startswith(f"{key} {value}: the log has ")


def test_settings_that_the_log_has_too(record: Any) -> None:
    record.claims |= {"train_seq_len": 2048, "world_size": 8, "max_wallclock_seconds": 600}
    assert record.found("warning", "claim") == []


def test_the_mean_and_the_spread_of_a_blurb(record: Any) -> None:
    record.claims["blurb"] = "Good. Mean of 3 seeds: 1.10070 (std 0.00060). It beats PR #9, whose mean is 1.2244."
    assert record.found("warning", "text") == record.found("error", "spread") == []
    record.claims["blurb"] = "Good. Mean of 3 seeds: 1.10070 (std 0.00049)."
    text = record.one("error", "spread").text
    assert text.startswith("blurb says std 0.00049: the sample standard deviation of 3 seeds is 0.00060")
    assert "is that of a population" in text
    record.claims["blurb"] = "3-seed mean: 1.0921"
    assert record.one("warning", "text").text == "blurb says mean 1.0921: no result of the logs has this mean"


def test_a_mean_of_a_blurb_that_was_cut_off(record: Any) -> None:
    record.claims["blurb"] = "3-seed mean 1.10069"
    assert record.one("warning", "text")
    record.claims["blurb"] = "3-seed mean 1.100704 exactly"
    assert record.one("note", "rounding").text == "blurb says mean 1.100704: the logs give 1.10070472"


TABLE = """# A record

| Seed | Steps | Sliding BPB | Artifact |
|------|------:|------------:|---------:|
| 7    | 5000  | **1.10010** | 15,920,007 |
| 11   | 5000  | 1.10130     | 15,920,011 |
| 99   | 5000  | 1.05000     | 15,000,000 |
| **Mean** |   | 1.10071     |            |
"""


def test_the_rows_of_the_readme(record: Any) -> None:
    record.write("README.md", TABLE)
    assert record.found("warning", "text") == []
    record.write("README.md", TABLE.replace("**1.10010**", "**1.09010**").replace("15,920,011", "15,820,011"))
    found = record.found("warning", "text")
    assert [each.text for each in found] == [
        "the row of seed 7 has 1.09010, which none of its logs has",
        "the row of seed 11 has 15,820,011, which none of its logs has",
    ]
    assert [str(each.places[0]) for each in found] == ["README.md:5", "README.md:6"]
