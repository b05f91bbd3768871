"""Ready shards: counted and checked where they are, in the challenge's format both ways."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.made_up_corpus import VOCAB_SIZE, made_up_texts, text_data, write_jsonl
from flowgolf.data import documents
from flowgolf.data.dataset import Dataset
from flowgolf.data.settings import ShardsData
from flowgolf.data.shards import map_shard, write_shard
from flowgolf.data.tokens import tokens
from flowgolf.files import read_json


@pytest.fixture
def folder(corpus: Path, model_path: Path, tmp_path: Path) -> Path:
    """A folder with the shards of `corpus`."""
    settings = text_data(corpus, shard_tokens=1500)
    tokens(settings, model_path, tmp_path / "made" / "data.json", tmp_path / "made" / "shards", tmp_path / "state")
    return tmp_path / "made" / "shards"


def make(folder: Path, model_path: Path, vocab_size: int = VOCAB_SIZE, max_repeats: int = 0) -> dict[str, Any]:
    """The record of a folder of ready shards."""
    settings = ShardsData(
        path=str(folder), tokenizer_model=str(model_path), vocab_size=vocab_size, max_repeats=max_repeats
    )
    output = folder.parent / "ready"
    tokens(settings, model_path, output / "data.json", output / "shards", output / "state")
    return read_json(output / "data.json")


def test_our_shards_come_back_as_ready_ones(folder: Path, model_path: Path) -> None:
    made, found = read_json(folder.parent / "data.json"), make(folder, model_path)
    for part in ("train", "validation"):
        assert found[part]["bytes_original"] is None
        for key in ("documents", "tokens", "bytes_scored", "tokens_per_byte"):
            assert found[part][key] == made[part][key]
        pairs = zip(found[part]["shards"], made[part]["shards"], strict=True)
        assert all(ours["sha256"] == theirs["sha256"] for ours, theirs in pairs)
    data = Dataset.open(folder.parent / "ready" / "data.json")
    assert len(data.train.paths) > 1
    assert len(data.train) == made["train"]["tokens"]
    assert not (folder.parent / "ready" / "shards").exists()


@pytest.mark.parametrize("chunk_tokens", [40, 1000])
def test_the_record_does_not_depend_on_the_chunks(
    folder: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_tokens: int
) -> None:
    expected = make(folder, model_path)
    monkeypatch.setattr(documents, "CHUNK_TOKENS", chunk_tokens)
    assert make(folder, model_path) == expected


def test_training_documents_that_repeat_validation_are_counted(folder: Path, model_path: Path) -> None:
    validation_tokens = np.array(map_shard(folder / "fineweb_val_000000.bin"))
    second = int(np.flatnonzero(validation_tokens == 1)[1])
    for path in folder.glob("fineweb_train_*.bin"):
        write_shard(path, np.concatenate([validation_tokens[:second], np.array([1, 300], dtype=np.uint16)]))
    num_shards = len(list(folder.glob("fineweb_train_*.bin")))
    with pytest.raises(
        ValueError,
        match=rf"rule 10: {num_shards} of {2 * num_shards} training documents have the tokens of one of \d+ validation "
        r"documents, data.max_repeats is 0: take them out of the training shards, or state with data.max_repeats",
    ):
        make(folder, model_path)
    record = make(folder, model_path, max_repeats=num_shards)
    assert record["duplicates_kept"] == num_shards
    assert record["duplicates_dropped"] == 0


def test_a_document_that_is_cut_inside_a_character_is_no_error(
    folder: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    character = np.array([4 + byte for byte in "猫".encode()], dtype=np.uint16)
    for path in folder.glob("fineweb_val_*.bin"):
        path.unlink()
    validation = folder / "fineweb_val_000000.bin"
    write_shard(validation, np.concatenate([[1], *[character] * 40]).astype(np.uint16)[:-1])
    for chunk_tokens in (20, 21, 22, 1000):
        monkeypatch.setattr(documents, "CHUNK_TOKENS", chunk_tokens)
        assert make(folder, model_path)["validation"]["bytes_scored"] == 119


def test_a_stream_that_starts_inside_a_document_is_counted(folder: Path, model_path: Path) -> None:
    validation = folder / "fineweb_val_000000.bin"
    write_shard(validation, np.array(map_shard(validation))[5:])
    record = make(folder, model_path)
    assert record["validation"]["documents"] == read_json(folder.parent / "data.json")["validation"]["documents"] - 1
    data = Dataset.open(folder.parent / "ready" / "data.json")
    stream = data.validation.read(0, len(data.validation))
    assert record["validation"]["bytes_scored"] == data.byte_table.total(stream)


def test_a_token_beyond_the_vocabulary_is_told(folder: Path, model_path: Path) -> None:
    path = folder / "fineweb_train_000001.bin"
    content = np.array(map_shard(path))
    content[700] = VOCAB_SIZE
    write_shard(path, content)
    with pytest.raises(
        ValueError, match=r"train_000001\.bin: token 320 at offset 2424 is beyond the vocabulary of 320"
    ):
        make(folder, model_path)


def test_a_folder_without_shards_is_told(folder: Path, model_path: Path) -> None:
    for path in folder.glob("fineweb_val_*.bin"):
        path.unlink()
    with pytest.raises(ValueError, match=r"shards: no shard named fineweb_val_\*\.bin in this folder"):
        make(folder, model_path)


def test_an_empty_validation_part_is_told(folder: Path, model_path: Path) -> None:
    for path in folder.glob("fineweb_val_*.bin"):
        write_shard(path, np.empty(0, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"val_000000\.bin: the validation part is empty: its \d shards hold no token"):
        make(folder, model_path)


def test_a_tokenizer_of_another_size_is_told(folder: Path, model_path: Path) -> None:
    with pytest.raises(ValueError, match="the tokenizer has 320 pieces, the settings say vocab_size 1024"):
        make(folder, model_path, vocab_size=1024)


def test_documents_that_no_tokenizer_wrote_are_told(folder: Path, model_path: Path) -> None:
    half_a_character = np.array([1, 4 + 0xC3, 4 + 0x28], dtype=np.uint16)
    for path in folder.glob("fineweb_val_*.bin"):
        write_shard(path, half_a_character)
    with pytest.raises(ValueError, match="validation document 0: its tokens count as 2 bytes but decode to 4"):
        make(folder, model_path)


def test_a_shard_of_another_corpus_needs_its_own_prefix(folder: Path, model_path: Path, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "b.jsonl", made_up_texts(30, seed=3))
    settings = text_data(path, prefix="other")
    tokens(settings, model_path, tmp_path / "b.json", folder, tmp_path / "state")
    other = ShardsData(path=str(folder), tokenizer_model=str(model_path), vocab_size=VOCAB_SIZE, prefix="other")
    tokens(other, model_path, tmp_path / "c.json", tmp_path / "unused", tmp_path / "state")
    assert read_json(tmp_path / "c.json")["train"]["tokens"] == read_json(tmp_path / "b.json")["train"]["tokens"]
