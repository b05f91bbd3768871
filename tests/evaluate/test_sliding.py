"""Sliding evaluation from files to records, whole and in shards."""

from pathlib import Path

import numpy as np
import pytest

from evaluate.small_study import SmallStudy, make_artifact
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.settings import SlidingSettings
from flowgolf.evaluate.sliding import merge_sliding, sliding
from flowgolf.files import read_json, sha256, write_json


def run(study: SmallStudy, folder: Path, shard: tuple[int, int] = (0, 1), **changes: object) -> dict:
    result = folder / "sliding.json"
    sliding(study.artifact, study.data_json, study.sliding(**changes), result, folder / "checks.json", shard)
    return read_json(result)


def test_it_leaves_a_whole_record(study: SmallStudy, tmp_path: Path) -> None:
    record = run(study, tmp_path)
    data = Dataset.open(study.data_json).record["validation"]
    assert record["tokens"] == data["tokens"] - 1 and record["bytes"] == data["bytes_scored"]
    assert record["loss"] == pytest.approx(record["nats"] / record["tokens"])
    assert record["bpb"] == pytest.approx(record["nats"] / np.log(2) / record["bytes"])
    assert record["artifact_sha256"] == sha256(study.artifact)
    assert record["partial"] is False
    assert record["settings"] == study.sliding().model_dump()
    assert record["ledger"]["positions_scored"] == record["tokens"] and record["ledger"]["most_times_scored"] == 1
    assert record["roundtrip"]["tokens"] == record["tokens"]
    for told in (record, record["roundtrip"]):
        spent = told["replay"]["seconds"] + told["weights"]["seconds"]
        assert told["replay"]["share"] + told["weights"]["share"] == pytest.approx(spent / told["seconds"])
    assert {"seconds", "tokens_per_second", "commit", "host", "slurm_job_id", "device"} <= record.keys()
    assert not (tmp_path / "sliding.npz").exists()


def test_max_positions_is_labelled_partial(study: SmallStudy, tmp_path: Path) -> None:
    record = run(study, tmp_path, max_positions=70)
    assert (record["tokens"], record["partial"], record["roundtrip"]["tokens"]) == (70, True, 70)
    evidence = {check["rule"]: check["evidence"] for check in read_json(tmp_path / "checks.json")["checks"]}
    assert evidence[8].startswith("partial: the first 70 of ")


def test_batch_size_changes_no_more_than_rounding(study: SmallStudy, tmp_path: Path) -> None:
    records = [run(study, tmp_path / str(batch), batch_windows=batch) for batch in (1, 5, None)]
    assert [record["nats"] for record in records] == pytest.approx([records[0]["nats"]] * 3, rel=1e-7)


def merge(study: SmallStudy, folder: Path, parts: list[Path]) -> dict:
    results, books = ([part / name for part in parts] for name in ("sliding.json", "checks.json"))
    merge_sliding(results, books, study.data_json, folder / "sliding.json", folder / "checks.json")
    return read_json(folder / "sliding.json")


@pytest.mark.parametrize("count", [2, 5])
def test_shards_merge_to_the_same_figures(study: SmallStudy, tmp_path: Path, count: int) -> None:
    whole = run(study, tmp_path / "whole", keep_nats=True)
    parts = [tmp_path / str(index) for index in range(count)]
    for index, part in enumerate(parts):
        run(study, part, (index, count), keep_nats=True)
    merged = merge(study, tmp_path / "merged", parts[::-1])
    assert merged["nats"] == pytest.approx(whole["nats"], rel=1e-12)
    for key in ("tokens", "bytes", "partial", "ledger", "settings", "artifact_sha256"):
        assert merged[key] == whole[key]
    for key in ("nats", "tokens", "bytes", "loss", "bpb"):
        assert merged["roundtrip"][key] == whole["roundtrip"][key]
    assert len(merged["parts"]) == count and "shard" not in merged
    with np.load(tmp_path / "whole/sliding.npz") as one, np.load(tmp_path / "merged/sliding.npz") as other:
        assert set(one) == set(other) and all(np.array_equal(one[key], other[key]) for key in one)
    books = [read_json(tmp_path / name / "checks.json") for name in ("whole", "merged")]
    seeds = [book.pop("replay_seeds") for book in books]
    assert len(seeds[1]["sliding"]) == count and len(seeds[1]["roundtrip"]) == len(seeds[0]["sliding"]) == 1
    replays = [next(check for check in book["checks"] if check["rule"] == 17).pop("evidence") for book in books]
    assert (
        replays[1].count("positions of 1 rounds") == count + 1 == replays[0].count("positions of 1 rounds") + count - 1
    )
    assert books[0] == books[1]
    assert merged["replay"]["positions"] == sum(part["replay"]["positions"] for part in merged["parts"])


def test_parts_of_different_evaluations_are_refused(study: SmallStudy, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    run(study, folders[0], (0, 2))
    run(study, folders[1], (1, 2), stride=10)
    run(study, folders[2])
    with pytest.raises(ValueError, match="settings is .* but .* in "):
        merge(study, tmp_path, folders[:2])
    with pytest.raises(ValueError, match="a whole result, not one shard of several"):
        merge(study, tmp_path, folders[2:])
    with pytest.raises(ValueError, match="2 shards are to be merged, numbered from 0, but these were given: 0, 0"):
        merge(study, tmp_path, [folders[0], folders[0]])


def two_parts(study: SmallStudy, folder: Path, *labels: str) -> list[Path]:
    """Parts that two commits have left, the second with another number of windows a pass."""
    parts = [folder / name for name in "ab"]
    for index, (part, label) in enumerate(zip(parts, labels, strict=True)):
        run(study, part, (index, 2), batch_windows=index + 1)
        record = read_json(part / "sliding.json")
        write_json(part / "sliding.json", {**record, "commit": part.name})
        write_json(part / "sliding.made_from.json", {"label": label})
    return parts


def test_parts_of_two_commits_merge_where_nothing_that_counts_has_changed(study: SmallStudy, tmp_path: Path) -> None:
    parts = two_parts(study, tmp_path, "settings 1, code 2", "settings 1, code 2")
    assert merge(study, tmp_path, parts)["tokens"] == run(study, tmp_path / "whole")["tokens"]


def test_parts_of_other_code_are_refused(study: SmallStudy, tmp_path: Path) -> None:
    parts = two_parts(study, tmp_path, "settings 1, code 2", "settings 1, code 3")
    with pytest.raises(ValueError, match="made_from is settings 1, code 3, but settings 1, code 2 in .*sliding.json"):
        merge(study, tmp_path, parts)


def test_an_artifact_for_another_vocabulary_is_refused(study: SmallStudy, tmp_path: Path) -> None:
    other = make_artifact(tmp_path / "other.bin", vocab_size=290)
    with pytest.raises(ValueError, match="made for a vocabulary of 290 pieces, but the data's tokenizer has 300"):
        sliding(other, study.data_json, study.sliding(), tmp_path / "r.json", tmp_path / "c.json")
    assert not (tmp_path / "r.json").exists()


def test_a_damaged_artifact_is_refused(study: SmallStudy, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.bin"
    content = bytearray(study.artifact.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="damaged.bin: damaged: the checksum does not match"):
        load_gpt(damaged)


def test_a_validation_set_shorter_than_a_window_is_refused(study: SmallStudy, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="positions to score, fewer than one window of 5000"):
        run(study, tmp_path, seq_len=5000)


def test_a_stride_larger_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="stride: 65 is larger than the window seq_len 64"):
        SlidingSettings(seq_len=64, stride=65)
