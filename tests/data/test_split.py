"""Parts of the documents, and duplicates across them."""

from pathlib import Path

import numpy as np
import pytest

from data.made_up_corpus import made_up_texts
from flowgolf.data.settings import Split, SplitByHash, SplitEveryKth, SplitFirst, TextData, TokenizerSettings
from flowgolf.data.split import Splitter, digest, normaliser

TEXTS = [*made_up_texts(30), made_up_texts(30)[0], made_up_texts(30)[7]]


def parts(split: Split, texts: list[str]) -> list[str]:
    """The part of each text."""
    splitter = Splitter(split, texts)
    return [splitter.part(index, text) for index, text in enumerate(texts)]


def test_every_kth_document_is_validation_wherever_its_duplicate_stands() -> None:
    texts = ["later", "b", "c", "b2", "d", "x", "later", "x", "e", "later"]
    assert parts(SplitEveryKth(k=4), texts) == [
        "validation", "train", "train", "train", "validation", "train", "duplicate", "train", "validation", "duplicate",
    ]  # fmt: skip
    assert parts(SplitEveryKth(k=2), ["a", "late", "late"]) == ["validation", "duplicate", "validation"]


def test_the_first_documents_are_validation() -> None:
    found = parts(SplitFirst(val_documents=5), TEXTS)
    assert found == ["validation"] * 5 + ["train"] * 25 + ["duplicate", "train"]


def test_a_split_by_hash_goes_by_the_text_alone() -> None:
    texts = made_up_texts(2000)
    found = parts(SplitByHash(fraction=0.2), texts)
    assert found == parts(SplitByHash(fraction=0.2), texts[::-1])[::-1]
    assert set(found) == {"validation", "train"}
    assert found.count("validation") == pytest.approx(400, abs=80)


@pytest.mark.parametrize("split", [SplitEveryKth(k=3), SplitFirst(val_documents=8), SplitByHash(fraction=0.3)])
def test_no_text_is_in_both_parts(split: Split) -> None:
    texts = [TEXTS[index] for index in np.random.default_rng(1).integers(0, len(TEXTS), 200)]
    found = parts(split, texts)
    validation = {text for text, part in zip(texts, found, strict=True) if part == "validation"}
    train = [text for text, part in zip(texts, found, strict=True) if part == "train"]
    dropped = [text for text, part in zip(texts, found, strict=True) if part == "duplicate"]
    assert validation.isdisjoint(train)
    assert validation.issuperset(dropped)
    assert list(Splitter(split, texts).training(texts)) == train


WRITTEN = ["one two", "one  two", "one two\n", "", " \n", "three", "\ufb01ve", "five"]


@pytest.mark.parametrize(("normalization", "dropped"), [("nmt_nfkc", WRITTEN[:5]), ("identity", [])])
def test_texts_that_differ_in_what_the_tokenizer_drops_are_repeats(normalization: str, dropped: list[str]) -> None:
    validation = ["one two\n\n", "\t", "four"]
    texts = [*validation, *WRITTEN]
    settings = TextData(paths=["none"], tokenizer=TokenizerSettings(normalization=normalization))
    splitter = Splitter(SplitFirst(val_documents=3), texts, normaliser(settings))
    found = [splitter.part(3 + index, text) for index, text in enumerate(WRITTEN)]
    assert [text for text, part in zip(WRITTEN, found, strict=True) if part == "duplicate"] == dropped


def test_a_ready_tokenizer_says_what_it_drops(model_path: Path) -> None:
    settings = TextData(paths=["none"], tokenizer_model=str(model_path))
    splitter = Splitter(SplitFirst(val_documents=1), ["a\u2581b"], normaliser(settings))
    assert [splitter.part(1, text) for text in ("a  b ", "ab")] == ["duplicate", "train"]


def test_digests_of_different_texts_differ() -> None:
    assert len({digest(text) for text in [*made_up_texts(500), "", " ", "a", "á"]}) == 504
