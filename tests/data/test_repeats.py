"""Repeats between training and validation by a hash of their tokens, at any size and wherever runs are cut."""

from pathlib import Path

import numpy as np
import pytest

from flowgolf.data import repeats
from flowgolf.data.shards import Shards, write_shard

BOS = 1


def shards(folder: Path, name: str, tokens: list[int], num_files: int = 1) -> Shards:
    """A stream of tokens in so many files."""
    parts = np.array_split(np.array(tokens, np.uint16), num_files)
    paths = [folder / f"{name}_{index}.bin" for index in range(num_files)]
    for path, part in zip(paths, parts, strict=True):
        write_shard(path, part)
    return Shards(paths)


def documents_of(tokens: list[int]) -> list[tuple[int, ...]]:
    """What is between the BOS of a stream, empty documents left out."""
    found: list[list[int]] = [[]]
    for token in tokens:
        if token == BOS:
            found.append([])
        else:
            found[-1].append(token)
    return [tuple(each) for each in found if each]


@pytest.mark.parametrize("run_tokens", [1, 3, 50, 1 << 16])
@pytest.mark.parametrize("vocab_size", [2, 3, 8, 65_536])
def test_hashes_are_those_of_the_documents_wherever_runs_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_tokens: int, vocab_size: int
) -> None:
    monkeypatch.setattr(repeats, "RUN_TOKENS", run_tokens)
    repeats.tables.cache_clear()
    rng = np.random.default_rng(run_tokens)
    for _ in range(5):
        tokens = rng.integers(0, vocab_size, rng.integers(1, 200)).tolist()
        hashes = [int(each) for some in repeats.document_hashes(shards(tmp_path, "a", tokens, 3), BOS) for each in some]
        expected = documents_of(tokens)
        assert len(hashes) == len(expected)
        assert len(set(hashes)) == len(set(expected))
        assert len(set(zip(hashes, expected, strict=True))) == len(set(expected))
    repeats.tables.cache_clear()


def test_every_repeat_is_counted_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = [rng.integers(2, 1000, rng.integers(1, 40)).tolist() for _ in range(300)]
    validation = [token for text in texts[:100] for token in (BOS, *text)]
    order = [*range(80, 300), 3, 3, 50]
    train = [token for index in order for token in (BOS, *texts[index])]
    known = {tuple(text) for text in texts[:100]}
    found = repeats.compared(shards(tmp_path, "t", train, 4), shards(tmp_path, "v", validation, 2), BOS, 5)
    assert found.documents == sum(tuple(texts[index]) in known for index in order) >= 23
    assert (found.training, found.validation, found.tolerated) == (len(order), len(known), 5)
    assert str(found).startswith(f"{found.documents} of 223 training documents have the tokens of one of ")


def test_empty_documents_are_no_repeats(tmp_path: Path) -> None:
    train, validation = ([BOS, BOS, token, BOS] for token in (7, 8))
    found = repeats.compared(shards(tmp_path, "t", train), shards(tmp_path, "v", validation), BOS, 0)
    assert (found.documents, found.training, found.validation) == (0, 1, 1)


def test_one_token_and_its_place_make_another_document(tmp_path: Path) -> None:
    train = [BOS, 0, 5, BOS, 5, 0, BOS, 5, BOS, 5, 0, 0]
    found = repeats.compared(shards(tmp_path, "t", train), shards(tmp_path, "v", [BOS, 0, 0, 5]), BOS, 0)
    assert (found.documents, found.training) == (0, 4)


def test_a_validation_part_without_a_document_has_no_repeats(tmp_path: Path) -> None:
    assert repeats.compared(shards(tmp_path, "t", [BOS, 5]), shards(tmp_path, "v", [BOS, BOS]), BOS, 0).documents == 0
