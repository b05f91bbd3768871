"""How the figure was evaluated, on which text, and by which rules."""

import math
from typing import Any

import pytest

TOKENS = 40_540_160


def test_a_roundtrip_that_is_a_sliding_window(record: Any) -> None:
    for seed in record.logs:
        record.logs[seed] = record.logs[seed].replace("final_int6_sliding_window", "final_int8_zlib_roundtrip")
    record.edit_all("stopping_early:", "final_eval_mode:sliding_window stride:64 batch_seqs:32\nstopping_early:")
    text = record.one("note", "scheme").text
    assert text == "'final_int8_zlib_roundtrip' is a sliding-window figure: the log sets sliding_window"


def test_the_stride_is_not_stated(record: Any) -> None:
    record.edit_all(" stride:64", "")
    assert record.one("not stated", "scheme").text == "the stride of the windows of 'final_int6_sliding_window'"


def test_a_figure_repeated_under_the_name_of_another_evaluation(record: Any) -> None:
    for seed, text in record.logs.items():
        line = next(line for line in text.splitlines() if line.startswith("final_int6_sliding_window_exact"))
        record.logs[seed] += line.replace("int6_sliding_window", "int8_zlib_roundtrip") + "\n"
    finding = record.one("note", "scheme")
    assert finding.text == (
        "'final_int8_zlib_roundtrip' repeats the figure of 'final_int6_sliding_window': it is no roundtrip"
    )
    assert len(finding.places) == 3


def test_a_roundtrip_better_than_before_the_export(record: Any) -> None:
    rounded, exact = (line for line in record.logs[7].splitlines() if line.startswith("final_int6_roundtrip"))
    record.edit(7, exact + "\n", "")
    record.edit(7, rounded, "final_int6_roundtrip val_loss:2.8422 val_bpb:1.1003 eval_time:20430ms")
    text = next(each.text for each in record.found("not stated", "scheme"))
    assert text == "why 'final_int6_roundtrip', 1.1003, is better than 1.1101 before export"


def adapted(record: Any, name: str) -> None:
    """Add test-time training to every log; its result stands under `name`."""
    for seed, text in record.logs.items():
        sliding = next(line for line in text.splitlines() if line.startswith("final_int6_sliding_window_exact"))
        loss, bpb = (float(word.partition(":")[2]) for word in sliding.split()[1:])
        better = bpb - 0.004
        figures = f"val_loss:{loss * better / bpb:.8f} val_bpb:{better:.8f}"
        record.logs[seed] = (
            text.replace("final_int6_sliding_window", "before_adaptation")
            + "ttt_sliding:start chunks=1238 chunk_tokens=32768 stride=64 ttt_lr=0.002 ttt_epochs=3\n"
            + f"  ttt_chunk [1/1238] bpb=1.2 time=0.5s\n  ttt_chunk [1238/1238] bpb={better:.6f} time=407.5s\n"
            + f"ttt_sliding:done {figures} elapsed=407.5s\n{name} {figures} eval_time:408049ms\n"
        )
    record.claims |= {"val_bpb": 1.09670472, "seed_results": {}}
    for key in ("val_loss", "val_bpb_std"):
        del record.claims[key]


def test_the_adapted_figure_under_the_name_of_the_plain_one(record: Any) -> None:
    adapted(record, "final_int6_sliding_window")
    assert "of 'final_int6_sliding_window after TTT'" in record.audit().verdict
    assert record.one("note", "scheme").text == (
        "the figure of 'final_int6_sliding_window' is also printed on a line that names test-time training"
    )


def test_what_test_time_training_used_is_not_stated(record: Any) -> None:
    adapted(record, "legal_ttt_exact")
    assert record.one("not stated", "legality").text == (
        "that test-time training used only positions already scored: no line of a log shows it"
    )


def test_a_ledger_states_it(own_record: Any) -> None:
    assert own_record.found("not stated", "legality") == []


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("least_distance_to_frontier:1", "least_distance_to_frontier:0", "trained on before it was scored: distance 0"),
        ("most_times_scored:1", "most_times_scored:2", "a position was scored 2 times"),
    ],
)
def test_a_ledger_that_shows_a_broken_rule(own_record: Any, old: str, new: str, text: str) -> None:
    own_record.edit(7, old, new)
    assert text in own_record.one("error", "legality").text


def test_a_running_figure_that_is_not_the_result(record: Any) -> None:
    adapted(record, "legal_ttt_exact")
    record.edit(7, "ttt_chunk [1238/1238] bpb=1.096102", "ttt_chunk [1238/1238] bpb=1.099")
    text = record.one("not stated", "scheme").text
    assert text.startswith("why the running bpb after the last chunk is not the result (1.099 and 1.09610203)")


def test_chunks_that_do_not_cover_the_text(record: Any) -> None:
    adapted(record, "legal_ttt_exact")
    record.edit(7, "chunks=1238", "chunks=618")
    assert "618 chunks of 32,768 tokens hold 20,250,624 of 40,540,160 validation tokens" in (
        record.one("error", "coverage").text
    )


def test_an_evaluation_that_exports_again(record: Any) -> None:
    record.edit(7, "step:0/20000", "eval_only: loading final_model.pt, skipping training\nstep:0/20000")
    assert "this evaluation loaded weights and exported them again (15,900,007 bytes)" in (
        record.one("warning", "artifact").text
    )


def test_a_part_of_the_validation_text(record: Any) -> None:
    record.edit_all(f"tokens:{TOKENS}", "tokens:8388608")
    text = record.one("error", "coverage").text
    assert text.startswith(
        "8,388,608 tokens of 3.7267 bytes are 31.26 MB of text; the challenge's validation set has 151.08 MB"
    )


def test_another_text_is_a_warning(record: Any) -> None:
    record.edit_all(f"tokens:{TOKENS}", "tokens:41798528")
    assert "are 155.77 MB of text" in record.one("warning", "coverage").text


@pytest.mark.parametrize("setting", ["val_doc_fraction: 0.5", "max_positions: 5000", "val_max_tokens: 1000"])
def test_settings_that_score_a_part(block_record: Any, setting: str) -> None:
    block_record.edit_all("  eval_stride: 64\n", f"  eval_stride: 64\n  {setting}\n")
    text = block_record.one("error", "coverage").text
    assert text.startswith(f"only a part of the validation set is scored: {setting.partition(':')[0]}")


@pytest.mark.parametrize("setting", ["val_doc_fraction: 1.0", "ppm_debug_subset_tokens: 0"])
def test_settings_that_score_the_whole(block_record: Any, setting: str) -> None:
    block_record.edit_all("  eval_stride: 64\n", f"  eval_stride: 64\n  {setting}\n")
    assert block_record.found("error", "coverage") == []


def test_a_ledger_of_a_part(own_record: Any) -> None:
    own_record.edit_all(f"positions_scored:{TOKENS}", "positions_scored:40540159")
    assert own_record.one("error", "coverage").text == "40,540,159 of 40,540,160 positions were scored"


def test_tokens_that_are_not_stated(record: Any) -> None:
    record.edit_all(f"val_loader:shards pattern=./data/fineweb10B_sp8192/fineweb_val_*.bin tokens:{TOKENS}\n", "")
    assert record.one("not stated", "coverage").text == "how many tokens of the validation set were scored"


def test_a_count_of_bytes_that_changes(record: Any) -> None:
    """One more byte a token in the last line alone: the loss stays, the bits per byte fall."""
    bpb = 1.10010203 * 3.7267 / 4.7267
    record.edit(7, "val_bpb:1.10010203", f"val_bpb:{bpb:.8f}")
    text = record.one("error", "bytes-per-token").text
    assert text.endswith("not one text, or not one count of bytes")


def test_a_loss_per_byte(record: Any) -> None:
    for seed, bpb in {7: 1.10010203, 11: 1.10130405, 13: 1.10070809}.items():
        line = next(
            text for text in record.logs[seed].splitlines() if text.startswith("final_int6_sliding_window_exact")
        )
        record.edit(seed, line, f"final_int6_sliding_window_exact val_loss:{bpb * math.log(2):.8f} val_bpb:{bpb:.8f}")
    texts = {each.text for each in record.found("warning", "bytes-per-token")}
    assert any(
        text.endswith("the loss of 'final_int6_sliding_window' is in nats per byte, not per token") for text in texts
    )


def test_training_on_the_validation_shards(block_record: Any) -> None:
    block_record.edit_all("sp8192/fineweb_train_*.bin", "sp8192/fineweb_val_*.bin")
    assert "training read the validation shards: train_files" in block_record.one("error", "data").text
    block_record.edit_all("  train_files: ./data/fineweb10B_sp8192/fineweb_val_*.bin\n", "  train_on_val: True\n")
    assert block_record.one("error", "data").text == "training read the validation shards: train_on_val"


def test_a_script_that_trains_on_the_validation_shards(record: Any) -> None:
    record.write(
        "train_gpt.py", 'import os\ntrain_files = os.path.join(path, "fineweb_val_*.bin")\n'.ljust(20_000, "#")
    )
    finding = record.one("error", "data")
    assert finding.text == "the script trains on the validation shards"
    assert [str(place) for place in finding.places] == ["train_gpt.py:2"]


PREPARE = 'import argparse\nap.add_argument("--val-docs", type=int, default=10_000, help="documents")\n'


def test_a_preparation_script_that_leaves_validation_documents_in_training(record: Any) -> None:
    record.write("prepare_data.py", PREPARE)
    text = record.one("warning", "data").text
    assert text.startswith(
        "by default prepare_data.py keeps 10,000 documents out of training; the validation set has 50,000"
    )
    record.write("README.md", "Then:\n\n    python3 prepare_data.py --docs docs.jsonl\n")
    finding = record.one("error", "data")
    assert finding.text.endswith("and the folder says to run it so")
    assert [str(place) for place in finding.places] == ["prepare_data.py:2", "README.md:3"]
    record.write("README.md", "    python3 prepare_data.py --docs docs.jsonl --val-docs 50000\n")
    assert record.one("note", "data").text.endswith("the folder says to run it with 50,000")


def test_a_command_that_leaves_validation_documents_in_training(record: Any) -> None:
    record.write("setup.sh", "python3 prepare.py --val-docs=10000\n")
    assert record.one("error", "data").text == (
        "a command keeps 10,000 documents out of training; the validation set has 50,000"
    )


def test_a_preparation_script_with_the_whole_set_is_fine(record: Any) -> None:
    record.write("prepare_data.py", PREPARE.replace("10_000", "50_000"))
    assert record.found("warning", "data") == record.found("error", "data") == []
