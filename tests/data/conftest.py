"""A small corpus on disk, and a tokenizer trained on it."""

from pathlib import Path

import pytest

from data.made_up_corpus import made_up_texts, text_data, write_jsonl
from flowgolf.data import encode
from flowgolf.data.tokenizer import tokenizer


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A jsonl file of 60 documents."""
    return write_jsonl(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", made_up_texts(60))


@pytest.fixture(scope="session")
def model_path(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer trained on the training part of `corpus`."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    tokenizer(text_data(corpus), path)
    return path


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few documents, so that a small corpus has many."""
    monkeypatch.setattr(encode, "BATCH_CHARACTERS", 1000)
