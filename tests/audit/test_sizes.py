"""Sizes: sums, the cap, claims, and the files of the folder."""

from typing import Any

CODE, MODEL = 20_000, 15_900_000


def test_a_total_that_is_not_the_sum(record: Any) -> None:
    record.edit(7, f"Total submission size int6+zstd: {MODEL + 7 + CODE}", "Total submission size int6+zstd: 15910000")
    texts = [each.text for each in record.found("error", "size")]
    assert "the total 15,910,000 is not the model's 15,900,007 and the code's 20,000: 15,920,007" in texts


def test_above_the_cap(record: Any) -> None:
    record.edit(7, f"int6+zstd: {MODEL + 7} bytes", "int6+zstd: 15980001 bytes")
    record.edit(7, f"{MODEL + 7 + CODE} bytes", "16000001 bytes")
    assert "16,000,001 bytes are 1 more than 16,000,000" in record.one("error", "cap").text


def test_exactly_the_cap_is_allowed(record: Any) -> None:
    record.edit(7, f"int6+zstd: {MODEL + 7} bytes", "int6+zstd: 15980000 bytes")
    record.edit(7, f"{MODEL + 7 + CODE} bytes", "16000000 bytes")
    assert record.found("error", "cap") == []


def test_above_the_cap_without_a_total(record: Any) -> None:
    record.edit(7, f"Total submission size int6+zstd: {MODEL + 7 + CODE} bytes\n", "")
    record.edit(7, f"Total submission size: {106027446 + CODE} bytes\n", "")
    record.edit(7, f"int6+zstd: {MODEL + 7} bytes", "int6+zstd: 15999999 bytes")
    assert "16,019,999 bytes are 19,999 more" in record.one("error", "cap").text


def test_a_claimed_total_above_the_cap(record: Any) -> None:
    record.claims["bytes_total"] = 16_525_754
    assert "16,525,754 bytes are 525,754 more" in record.one("error", "cap").text


def test_a_total_of_no_log_below_the_largest(record: Any) -> None:
    record.claims["bytes_total"] = 15_900_000
    assert "bytes_total 15,900,000 is printed in no log, and a log has 15,920,013, which is more" in (
        record.one("error", "size").text
    )


def test_a_total_of_no_log_above_the_largest(record: Any) -> None:
    record.claims["bytes_total"] = 15_990_000
    assert "bytes_total 15,990,000 is printed in no log; the largest total is 15,920,013" in (
        record.one("warning", "size").text
    )


def test_a_total_of_a_smaller_seed_and_the_mean_are_notes(record: Any) -> None:
    record.claims["bytes_total"] = MODEL + 7 + CODE
    assert "is not the largest: another log has 15,920,013" in record.one("note", "size").text
    record.claims["bytes_total"] = MODEL + CODE + 10
    assert "bytes_total 15,920,010 is the mean over the logs" in record.one("note", "size").text


def test_submission_json_against_itself(record: Any) -> None:
    record.claims |= {"bytes_model": 15_900_013, "bytes_code": 20_001}
    texts = [each.text for each in record.found("error", "size")]
    assert "bytes_total 15,920,013 is not bytes_model 15,900,013 + bytes_code 20,001 = 15,920,014" in texts


def test_a_code_size_of_no_log(record: Any) -> None:
    record.claims["bytes_code"] = 19_000
    assert "bytes_code 19,000 is printed in no log" in record.one("warning", "size").text


def test_a_seeds_size_of_no_log(record: Any) -> None:
    record.claims["seed_results"]["7"]["artifact_bytes"] = 15_000_000
    assert "artifact_bytes of seed 7 15,000,000 is printed in no log" in record.one("warning", "size").text


def test_logs_of_two_codes(record: Any) -> None:
    record.edit(11, f"Code size: {CODE} bytes", "Code size: 20036 bytes")
    record.edit(11, f"int6+zstd: {MODEL + 11 + CODE} bytes", f"int6+zstd: {MODEL + 11 + 20036} bytes")
    record.claims["seed_results"]["11"]["artifact_bytes"] = MODEL + 11 + 20036
    record.claims["bytes_total"] = MODEL + 11 + 20036
    finding = record.one("error", "code")
    assert "20,000 bytes (train_seed13.log, train_seed7.log) and 20,036 bytes (train_seed11.log)" in finding.text
    assert len(finding.places) == 3


def test_a_total_with_the_code_of_another_log(record: Any) -> None:
    """The evaluation of seed 7 counts more code than its training did, and the claim follows the evaluation."""
    training = record.logs[7]
    record.write("eval_seed7.log", "".join(
        f"{line}\n" for line in training.replace(f"Code size: {CODE}", "Code size: 30000").splitlines()
        if not line.startswith(("step:", "stopping", "warmup"))
    ).replace(f"int6+zstd: {MODEL + 7 + CODE} bytes", f"int6+zstd: {MODEL + 7 + 30000} bytes"))  # fmt: skip
    record.claims["seed_results"]["7"]["artifact_bytes"] = MODEL + 7 + 30000
    finding = record.one("error", "size")
    assert "artifact_bytes of seed 7 15,930,007 counts 30,000 bytes of code" in finding.text
    assert "the log of the training printed 15,920,007 with 20,000" in finding.text


def test_the_script_in_the_folder_is_larger_than_what_was_counted(record: Any) -> None:
    record.write("train_gpt.py", "#" * 30_000)
    assert "train_gpt.py has 30,000 bytes, counted were 20,000" in record.one("warning", "code").text
    record.write("train_gpt.py", "#" * 180_000)
    text = record.one("error", "cap").text
    assert (
        "train_gpt.py has 180,000 bytes, counted were 20,000; with the file as it lies here the total is 16,080,013"
        in text
    )


def test_code_counted_compressed_is_the_size_that_the_total_holds(record: Any) -> None:
    record.edit_all(
        f"Code size: {CODE} bytes", f"Code size (uncompressed): 99000 bytes\nCode size (compressed): {CODE} bytes"
    )
    assert record.found("error", "size") == record.found("error", "code") == []


def test_a_model_file_of_another_size(record: Any) -> None:
    record.write("final_model.int6.ptz", b"x" * 1000)
    assert "1,000 bytes: no log printed a model of this size" in record.one("warning", "artifact").text


def test_a_model_file_of_the_printed_size(own_record: Any) -> None:
    own_record.write("artifact.bin", b"x" * (MODEL + 7))
    assert "15,900,007 bytes, the size that a log printed" in own_record.one("note", "artifact").text
    assert own_record.found("warning", "artifact") == []


def test_the_size_of_the_code_is_not_stated(record: Any) -> None:
    record.edit_all(f"Code size: {CODE} bytes\n", "")
    texts = {each.text for each in record.found("not stated", "size")}
    assert "the size of the code; the total leaves 20,000 bytes for it" in texts


def test_no_size_of_the_model(record: Any) -> None:
    for seed in record.logs:
        record.logs[seed] = "".join(
            f"{line}\n" for line in record.logs[seed].splitlines() if not line.startswith(("Serialized", "Total"))
        )
    assert "no size of the compressed model" in {each.text for each in record.found("not stated", "size")}


def test_a_script_whose_counted_size_is_nowhere(record: Any) -> None:
    record.logs = {}
    del record.claims["bytes_code"]
    assert record.one("not stated", "size").text == "how many bytes of code were counted; train_gpt.py has 20,000"
