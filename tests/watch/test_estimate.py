"""What `estimate` says: jobs, hours, the longest chain and memory."""

import json
from pathlib import Path
from typing import Any

import pytest

from flowgolf.evaluate.settings import EvaluateSettings, LegalTTTSettings, SlidingSettings
from flowgolf.model.settings import ModelSettings
from flowgolf.train.settings import TrainSettings
from flowgolf.watch.estimate import (
    Job,
    job_table,
    longest_chain,
    plan,
    planned_outputs,
    time_table,
    too_small,
    validation_positions,
)
from flowgolf.watch.rates import A100, H100, PUBLISHED_POSITIONS, Rate, declared_rates, measured_rates, nearest
from flowgolf.watch.work import adaptation_flops, model_facts, model_flops, scoring_flops, training_flops

PUBLISHED = ModelSettings(flow_matcher={}).model_dump(mode="json")
EVALUATE = EvaluateSettings(sliding=SlidingSettings(), legal_ttt=LegalTTTSettings()).model_dump(mode="json")
SETTINGS = {"model": PUBLISHED, "train": TrainSettings().model_dump(mode="json"), "evaluate": EVALUATE}


def published_jobs(variant: str = "nfm") -> list[Job]:
    """The jobs of one run of the published size."""
    return [
        Job("train", f"{variant}/run.json", None, SETTINGS),
        Job("sliding", f"{variant}/sliding.json", f"{variant}/run.json", SETTINGS),
        Job("legal_ttt", f"{variant}/legal_ttt.json", f"{variant}/run.json", SETTINGS),
    ]


def row(jobs: list[Job], device: str, positions: int | None = PUBLISHED_POSITIONS) -> dict[str, Any]:
    """The row of a device in the table of hours."""
    frame = time_table(jobs, declared_rates(), positions).frame.set_index("device")
    return frame.loc[device].to_dict()


def test_the_published_model_has_its_parameters() -> None:
    assert model_facts(ModelSettings.model_validate(PUBLISHED).model_dump_json())[1] == 27_530_952


def test_an_a100_takes_what_the_published_run_took() -> None:
    hours = row(published_jobs(), A100)
    assert hours["sliding"] * 3600 == pytest.approx(1_713)
    assert hours["legal_ttt"] * 3600 == pytest.approx(7_190)
    steps = 7_000 * 1.983
    assert steps < hours["train"] * 3600 < 1.08 * steps  # the rest are the validations
    assert hours["memory"] == pytest.approx(25_832 * 2**20 / 1e9)


def test_an_h100_is_faster_by_the_ratio_of_the_peaks() -> None:
    a100, h100 = row(published_jobs(), A100), row(published_jobs(), H100)
    assert a100["total"] / h100["total"] == pytest.approx(989 / 312)
    assert a100["memory"] == h100["memory"]


def test_hours_add_up_over_runs_and_the_chain_does_not() -> None:
    one, two = row(published_jobs(), A100), row([*published_jobs(), *published_jobs("base")], A100)
    assert two["total"] == pytest.approx(2 * one["total"])
    assert two["chain"] == one["chain"] == pytest.approx(one["train"] + one["legal_ttt"])


def test_a_cached_training_is_not_part_of_the_chain() -> None:
    jobs = published_jobs()[1:]
    assert longest_chain(jobs, {"nfm/sliding.json": 5.0, "nfm/legal_ttt.json": 7.0}) == 7.0


def test_parts_shorten_the_chain() -> None:
    sliding = {**EVALUATE["sliding"], "shards": 4}
    job = Job("sliding", "a", None, {**SETTINGS, "evaluate": {**EVALUATE, "sliding": sliding}})
    assert longest_chain([job], {"a": 8.0}) == 2.0


def test_an_unknown_validation_set_is_said_and_not_counted() -> None:
    table = time_table(published_jobs(), declared_rates(), None)
    assert table.frame["sliding"].tolist() == [0.0, 0.0]
    assert "Evaluations are not counted" in table.notes[-1]


def test_positions_come_from_the_data_record_or_from_the_published_set(tmp_path: Path) -> None:
    record = tmp_path / "data.json"
    assert validation_positions({"data": "hub", "data_record": str(record)}) == PUBLISHED_POSITIONS
    assert validation_positions({"data": "text", "data_record": str(record)}) is None
    record.write_text(json.dumps({"validation": {"tokens": 101}}))
    assert validation_positions({"data": "hub", "data_record": str(record)}) == 100


def test_work_grows_as_the_settings_say() -> None:
    sliding, adapted = EVALUATE["sliding"], EVALUATE["legal_ttt"]
    assert scoring_flops(PUBLISHED, sliding | {"stride": 128}, 10**6) < 0.51 * scoring_flops(PUBLISHED, sliding, 10**6)
    first = sliding | {"max_positions": 10**5}
    assert scoring_flops(PUBLISHED, first, 10**6) == scoring_flops(PUBLISHED, sliding, 10**5)
    extra = adaptation_flops(PUBLISHED, adapted, 10**6) - scoring_flops(PUBLISHED, adapted, 10**6)
    assert extra == pytest.approx(10 * 10**6 * model_flops(PUBLISHED))
    train = SETTINGS["train"]
    assert training_flops(PUBLISHED, train, None) == train["steps"] * train["batch_tokens"] * model_flops(PUBLISHED)


def write_run(folder: Path, device: str, tokens_per_second: float, stage_seconds: float) -> None:
    """A finished run of the published model in a results folder."""
    train = {
        "model": PUBLISHED, "train": SETTINGS["train"], "flops_per_token": model_flops(PUBLISHED), "device": device,
        "threads": 1, "tokens_per_second": tokens_per_second, "peak_memory_bytes": 10**9,
    }  # fmt: skip
    sliding = {"settings": EVALUATE["sliding"], "tokens": 10**6, "seconds": stage_seconds, "device": device}
    for stage, name, record in (("train", "run", train), ("sliding", "sliding", sliding)):
        (folder / stage).mkdir(parents=True)
        (folder / stage / f"{name}.json").write_text(json.dumps(record))


def test_past_runs_of_any_study_are_measured(tmp_path: Path) -> None:
    write_run(tmp_path / "one/runs/nfm/seed1", "cpu", 1000.0, 50.0)
    write_run(tmp_path / "two/runs/nfm/seed1", "cpu", 3000.0, 50.0)
    imported = tmp_path / "two/runs/imported/seed1/train/run.json"
    imported.parent.mkdir(parents=True)
    imported.write_text(json.dumps({"variant": "imported"}))
    write_run(tmp_path / "two/runs/another_idea/seed1", "cpu", 9000.0, 50.0)
    record = tmp_path / "two/runs/another_idea/seed1/train/run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"model": {**PUBLISHED, "another_idea": True}}))
    rates = measured_rates(tmp_path)
    assert {(rate.device, rate.stage) for rate in rates} == {("CPU, 1 thread", "train"), ("CPU, 1 thread", "sliding")}
    found = nearest(rates, "train", model_flops(PUBLISHED))
    assert found is not None and found.flops_per_second == pytest.approx(2000.0 * model_flops(PUBLISHED))
    table = time_table(published_jobs(), rates, 10**6)
    hours = table.frame.iloc[0]
    assert hours["basis"] == "measured: train, sliding"
    assert hours["sliding"] * 3600 == pytest.approx(50.0)
    assert hours["memory"] == pytest.approx(1.0)


def test_a_rate_of_a_much_smaller_model_is_marked() -> None:
    small = [Rate("CPU, 1 thread", "train", model_flops(PUBLISHED) / 50, 1e9)]
    basis = time_table(published_jobs(), small, 10**6).frame["basis"].iloc[0]
    assert basis == "measured: train (on a model 50 times smaller or larger)"


def test_the_nearest_model_in_size_sets_the_rate() -> None:
    rates = [Rate("gpu", "train", size, size * 10) for size in (1e6, 1e8)] + [Rate("gpu", "sliding", 1e6, 1.0)]
    found = nearest(rates, "train", 4e7)
    assert found is not None and found.flops_per_second == 1e9
    assert nearest(rates, "legal_ttt", 4e7) is None


def test_the_summary_of_snakemake_becomes_new_and_cached_jobs() -> None:
    header = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan"
    rows = [
        "r/a/train/run.json",
        "r/a/train/train.csv",
        "r/b/train/run.json",
        "p/0.json",
        "p/0.checks.json",
        "p/1.json",
    ]
    plans = ["no update", "no update", "update pending", "no update", "no update", "update pending"]
    rules = ["train"] * 3 + ["sliding_part"] * 3
    lines = [f"{name}\t-\t{rule}\t-\tok\t{p}" for name, rule, p in zip(rows, rules, plans, strict=True)]
    table = job_table("x", planned_outputs("\n".join(["some notice", header, *lines])))
    assert table.frame.to_numpy().tolist() == [["sliding_part", 1, 1], ["train", 1, 1], ["total", 2, 2]]


def test_a_workflow_that_cannot_be_planned_is_one_error(tmp_path: Path) -> None:
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text("raise ValueError('broken')\n")
    with pytest.raises(ValueError, match="snakemake --summary: .*broken"):
        plan({}, str(snakefile))


def test_a_gpu_that_is_too_small_is_told_with_the_setting_before_any_job() -> None:
    assert too_small(published_jobs(), None) is None
    assert too_small(published_jobs(), 80 * 10**9) is None
    assert too_small(published_jobs()[1:], 10**9) is None
    assert too_small(published_jobs(), 12 * 10**9) == (
        "this machine's GPU has 12.0 GB, and the largest new training takes about 27.1 GB: raise "
        "train.passes_per_micro_batch (now 1), which changes no result"
    )
    train = {**SETTINGS["train"], "passes_per_micro_batch": 4}
    assert too_small([Job("train", "a", None, {**SETTINGS, "train": train})], 12 * 10**9) is None
