"""Claimed bits per byte, losses and spreads that the logs do not give."""

import statistics
from typing import Any

BPB = {7: 1.10010203, 11: 1.10130405, 13: 1.10070809}


def test_a_figure_of_no_log_is_an_error_that_names_the_nearest(record: Any) -> None:
    record.claims["val_bpb"] = 1.0955
    found = [each.text for each in record.found("error", "score")]
    assert any("val_bpb 1.0955 is neither a figure of the logs nor a mean" in text for text in found)
    assert any(
        "the nearest is 1.10070472 (mean over seeds 7, 11 and 13 of 'final_int6_sliding_window')" in t for t in found
    )
    assert record.audit().verdict.startswith("The logs do not give val_bpb 1.0955.")


def test_the_places_are_the_claim_and_the_lines_of_the_logs(record: Any) -> None:
    record.claims["val_bpb"] = 1.0955
    finding = next(each for each in record.found("error", "score") if "neither" in each.text)
    lines = record.folder.joinpath("train_seed7.log").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("final_int6_sliding_window_exact"))
    assert [str(place) for place in finding.places] == [
        "submission.json:4", f"train_seed7.log:{line}", f"train_seed11.log:{line}", f"train_seed13.log:{line}",
    ]  # fmt: skip


def test_the_best_seed_is_not_the_mean(record: Any) -> None:
    record.claims["val_bpb"] = BPB[7]
    finding = record.one("warning", "score-seed")
    assert "val_bpb 1.10010203 is that of seed 7 alone" in finding.text
    assert "the mean over seeds 7, 11 and 13 is 1.1007047" in finding.text


def test_one_seed_alone_is_said_where_the_others_lack_the_result(record: Any) -> None:
    record.claims["val_bpb"] = BPB[7]
    for seed in (11, 13):
        record.edit(seed, "final_int6_sliding_window", "another_evaluation")
    assert "the other seeds have no such result" in record.one("warning", "score-seed").text


def test_the_model_before_export_is_not_what_counts(block_record: Any) -> None:
    block_record.claims["val_bpb"] = round(statistics.fmean(BPB.values()) + 0.005, 8)
    found = [each.text for each in block_record.found("error", "score")]
    assert any("a figure of the model before it was exported" in text and "pre-quantization" in text for text in found)
    assert "for the model before export only" in block_record.audit().verdict


def test_a_score_during_training_is_not_what_counts(record: Any) -> None:
    record.claims["val_bpb"] = round(statistics.fmean(round(bpb + 0.01, 4) for bpb in BPB.values()), 6)
    found = [each.text for each in record.found("error", "score")]
    assert any("of 'during training': a figure of the model before it was exported" in text for text in found)


def test_bits_per_byte_under_the_name_of_the_loss(record: Any) -> None:
    record.claims["val_loss"] = record.claims.pop("val_bpb")
    finding = record.one("error", "score-name")
    assert (
        "val_loss 1.10070472 is the bits per byte of 'final_int6_sliding_window'; the logs' loss there is"
        in finding.text
    )
    assert record.one("not stated", "score").text == "submission.json has no val_bpb above 0"


def test_a_loss_under_the_name_of_bits_per_byte(record: Any) -> None:
    record.claims["val_bpb"] = record.claims["val_loss"]
    assert "is the loss of 'final_int6_sliding_window'; the logs' bits per byte there is 1.1007" in (
        record.one("error", "score-name").text
    )


def test_the_last_digit_alone_is_a_note(record: Any) -> None:
    record.claims["val_bpb"] = 1.10069
    assert record.found("error", "score")  # 1.10070472 is neither 1.10069 rounded nor cut
    record.claims["val_bpb"] = 1.1007
    assert record.found("note", "rounding") == []
    record.claims["val_bpb"] = 1.10071
    assert "val_bpb 1.10071: the logs give 1.10070472" in record.one("note", "rounding").text


def test_a_seeds_figure_that_its_log_does_not_have(record: Any) -> None:
    record.claims["seed_results"]["11"]["val_bpb"] = 1.0999
    assert "seed_results.val_bpb of seed 11 1.0999 is neither" in record.one("error", "score").text


def test_a_figure_of_another_kind_that_no_log_has_is_a_warning(record: Any) -> None:
    record.claims["roundtrip_bpb"] = 1.15
    assert "roundtrip_bpb 1.15 is neither a figure of the logs" in record.one("warning", "score").text


def test_a_figure_that_stands_in_the_log_as_something_else_is_no_error(record: Any) -> None:
    record.claims["val_bpb"] = 1.0951
    record.claims["seed_results"] = {}
    record.claims.pop("val_bpb_std")
    record.logs[7] += "grand score 1.0951 of the evening\n"
    assert "val_bpb 1.0951 is printed on a line that is no result" in record.one("warning", "score").text


def test_figures_that_compare_with_others_are_left_alone(record: Any) -> None:
    record.claims |= {"delta_vs_sota_bpb": -0.01, "baseline_val_bpb": 1.2244, "improvement_nats": 0.02}
    assert record.found("warning", "score") == []


def test_a_population_spread_is_an_error(record: Any) -> None:
    record.claims["val_bpb_std"] = round(statistics.pstdev(BPB.values()), 6)
    finding = record.one("error", "spread")
    right = statistics.stdev(BPB.values())
    assert f"the sample standard deviation of 3 seeds is {right:.8f}" in finding.text
    assert "is that of a population (divisor n)" in finding.text


def test_any_other_spread_is_an_error_too(record: Any) -> None:
    record.claims["val_bpb_std"] = 0.0009
    assert "population" not in record.one("error", "spread").text


def test_a_spread_is_compared_with_the_figures_of_its_own_name(record: Any) -> None:
    roundtrip = [bpb + 0.02 for bpb in BPB.values()]
    record.claims |= {"roundtrip_bpb_mean": round(statistics.fmean(roundtrip), 6), "roundtrip_bpb_std": 0.0009}
    assert "roundtrip_bpb_std 0.0009: the sample standard deviation" in record.one("error", "spread").text
    record.claims["roundtrip_bpb_std"] = round(statistics.stdev(roundtrip), 7)
    assert record.found("error", "spread") == []


def test_a_spread_of_nothing_is_not_stated(record: Any) -> None:
    record.claims["quantized_bpb_std"] = 0.1
    assert "quantized_bpb_std 0.1: the figures that it is the spread of" in record.one("not stated", "spread").text


def test_the_mean_of_the_seeds_own_claims_where_a_log_is_missing(record: Any) -> None:
    del record.logs[13]
    assert "val_bpb 1.10070472 is the mean of what is claimed of them" in record.found("not stated", "score")[0].text
    assert record.found("error", "score") == []
    assert "no log of seed 13" in record.one("warning", "seeds").text


def test_a_mean_that_is_not_that_of_the_claims_either(record: Any) -> None:
    record.claims["val_bpb"] = 1.0955
    texts = [each.text for each in record.found("error", "score")]
    assert any("val_bpb 1.0955 is not the mean of the seeds' own claims, 1.10070467" in text for text in texts)


def test_a_pre_quantisation_claim_that_is_a_score_during_training(block_record: Any) -> None:
    during = round(statistics.fmean(round(bpb + 0.01, 4) for bpb in BPB.values()), 4)
    block_record.claims["pre_quant_val_bpb"] = during
    text = block_record.one("warning", "score-name").text
    assert f"pre_quant_val_bpb {during} is the last score during training" in text
    assert "that of 'pre-quantization post-ema' is 1.10570472" in text


def test_not_a_number_is_an_error(record: Any) -> None:
    record.edit(7, "step:1/20000 train_loss:9.0111", "step:1/20000 train_loss:nan")
    assert "train_loss is not a number" in record.one("error", "score").text


def test_seeds_in_other_shapes_are_understood(record: Any) -> None:
    record.claims["seed_results"] = [{"seed": seed, "val_bpb": round(BPB[seed], 6)} for seed in BPB]
    assert record.found("error", "score") == []
    record.claims["seed_results"][1]["val_bpb"] = 1.09
    assert "seed_results.val_bpb of seed 11 1.09" in record.one("error", "score").text
    record.claims["seed_results"] = {f"seed_{seed}": {"val_bpb": BPB[seed]} for seed in BPB} | {
        "seed_13": {"val_bpb": 1.05}
    }
    assert "of seed 13 1.05" in record.one("error", "score").text
    record.claims["seed_results"] = {}
    record.claims["seed_scores_bpb"] = [1.100102, 1.07, 1.100708]
    assert "seed_scores_bpb of seed 11 1.07" in record.one("warning", "score").text


def test_the_main_figure_may_stand_inside_another_object(record: Any) -> None:
    record.claims["results"] = {"mean_val_bpb": record.claims.pop("val_bpb")}
    assert record.audit().verdict.startswith("The logs give val_bpb 1.10070472: mean over seeds")


def test_a_figure_of_no_log_where_the_logs_have_no_result_in_common(record: Any) -> None:
    for seed in record.logs:
        record.logs[seed] = record.logs[seed].replace("final_int6", f"result_{'abc'[seed % 3]}{seed}")
    record.claims["val_bpb"] = 1.0955
    texts = [each.text for each in record.found("error", "score")]
    assert "val_bpb 1.0955 is neither a figure of the logs nor a mean of one over the seeds" in texts


def test_a_spread_off_in_its_last_digit(record: Any) -> None:
    record.claims["val_bpb_std"] = 0.000602
    assert "the sample standard deviation of 3 seeds is 0.00060102" in record.one("note", "rounding").text


def test_a_seeds_claim_of_the_model_before_export(block_record: Any) -> None:
    block_record.claims["seed_results"]["7"]["val_bpb"] = 1.10510203
    text = block_record.one("error", "score").text
    assert text.startswith("seed_results.val_bpb of seed 7 1.10510203 is seed 7 of 'pre-quantization post-ema'")


def test_seeds_that_could_be_places_in_a_list(record: Any) -> None:
    """Seeds 0, 1, 2 as keys are seeds; items 0, 1, 2 of a list are not."""
    for new, old in enumerate((7, 11, 13)):
        record.logs[new] = record.logs.pop(old).replace(f"seed:{old}\n", f"seed:{new}\n")
    record.claims |= {"seeds": [0, 1, 2], "seed_results": {str(n): {"val_bpb": 1.1 + n} for n in range(3)}}
    assert len(record.found("error", "score")) == 2
    record.claims |= {"seed_results": {}, "tried": [{"val_bpb": 1.5}, {"val_bpb": 1.6}]}
    assert {each.text[:20] for each in record.found("error", "score")} == {
        "tried.0.val_bpb 1.5 ",
        "tried.1.val_bpb 1.6 ",
    }
