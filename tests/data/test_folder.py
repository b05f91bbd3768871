"""Shards and tokenizer found in a folder."""

from pathlib import Path

import numpy as np
import pytest

from data.made_up_corpus import VOCAB_SIZE
from flowgolf.data.dataset import Dataset
from flowgolf.data.folder import folder_record
from flowgolf.data.shards import write_shard


@pytest.fixture
def folder(tmp_path: Path, model_path: Path) -> Path:
    """The challenge's layout: shards in one folder, the tokenizer in another."""
    (tmp_path / "tokenizers").mkdir()
    (tmp_path / "tokenizers" / "bpe.model").write_bytes(model_path.read_bytes())
    for part, number, tokens in [("train", 1, [5, 6]), ("train", 0, [1, 4, 4]), ("val", 0, [1, 7])]:
        write_shard(tmp_path / "datasets" / f"fineweb_{part}_{number:06}.bin", np.array(tokens, np.uint16))
    return tmp_path


def record(folder: Path, *parts: str) -> dict:
    return folder_record(folder, parts, VOCAB_SIZE)


def test_shards_are_read_in_the_order_of_their_numbers(folder: Path) -> None:
    dataset = Dataset(record(folder, "train", "validation"), folder)
    assert dataset.train.read(0, 5).tolist() == [1, 4, 4, 5, 6]
    assert dataset.validation.read(0, 2).tolist() == [1, 7]
    assert dataset.record["train"]["tokens"] == 5


def test_parts_not_asked_for_are_not_looked_at(folder: Path) -> None:
    for path in (folder / "datasets").glob("*_train_*"):
        path.write_bytes(b"damaged")
    assert "train" not in record(folder, "validation")


def test_a_part_without_shards_is_named(folder: Path) -> None:
    next(folder.rglob("*_val_*")).unlink()
    with pytest.raises(ValueError, match=r"shards named \*_val_\*.bin are expected in one folder, .*, found none"):
        record(folder, "validation")


def test_shards_of_two_data_sets_are_not_mixed(folder: Path) -> None:
    write_shard(folder / "other" / "fineweb_val_000001.bin", np.array([1, 7], np.uint16))
    with pytest.raises(ValueError, match="in one folder, here or below, found datasets, other"):
        record(folder, "validation")


def test_the_tokenizer_is_the_one_of_the_vocabulary(folder: Path) -> None:
    with pytest.raises(
        ValueError, match="one SentencePiece .model of 9999 pieces is expected here or below, found none"
    ):
        folder_record(folder, ["validation"], 9999)


def test_two_tokenizers_are_refused_by_name(folder: Path, model_path: Path) -> None:
    (folder / "other.model").write_bytes(model_path.read_bytes())
    with pytest.raises(ValueError, match="here or below, found other.model, tokenizers/bpe.model"):
        record(folder, "validation")


def test_a_tokenizer_that_lies_elsewhere_is_named(folder: Path, model_path: Path) -> None:
    shards = folder / "datasets"
    assert folder_record(shards, ["validation"], VOCAB_SIZE, model_path)["tokenizer"]["path"] == str(model_path)
    with pytest.raises(ValueError, match=rf"a tokenizer of 9999 pieces is expected, this one has {VOCAB_SIZE}"):
        folder_record(shards, ["validation"], 9999, model_path)
    with pytest.raises(ValueError, match="none.model: tokenizer not readable"):
        folder_record(shards, ["validation"], VOCAB_SIZE, folder / "none.model")
