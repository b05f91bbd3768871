"""Training a tokenizer: on training documents only, with the options of the challenge, the same every time."""

from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from data.made_up_corpus import VOCAB_SIZE, made_up_texts, text_data, write_jsonl
from flowgolf.data.settings import SampleData, ShardsData, TokenizerSettings
from flowgolf.data.tokenizer import Lines, cut, tokenizer, train
from flowgolf.files import sha256


def test_options_are_those_of_the_challenge(model_path: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model_path.read_bytes())
    assert processor.vocab_size() == VOCAB_SIZE
    special = [processor.pad_id(), processor.bos_id(), processor.eos_id(), processor.unk_id()]
    assert special == [0, 1, 2, 3]
    assert sum(processor.is_byte(piece) for piece in range(VOCAB_SIZE)) == 256
    assert processor.encode("land 1790", out_type=str)[-4:] == ["1", "7", "9", "0"]
    assert not processor.encode("the", out_type=str)[0].startswith("\u2581")
    assert processor.encode("\ufb01") == processor.encode("fi")


def test_digits_may_stay_together() -> None:
    model = train(made_up_texts(10), TokenizerSettings(vocab_size=450, split_digits=False))
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model).encode("1790 2026", out_type=str)
    assert pieces == ["1790", "\u25812026"]


def test_training_twice_gives_the_same_bytes(corpus: Path, model_path: Path, tmp_path: Path) -> None:
    tokenizer(text_data(corpus), tmp_path / "again.model")
    assert sha256(tmp_path / "again.model") == sha256(model_path)


@pytest.mark.parametrize(
    ("places", "learnt"), [([5], False), ([6], True), ([5, 6], False)], ids=["validation", "train", "duplicate"]
)
def test_the_tokenizer_learns_from_training_documents_only(tmp_path: Path, places: list[int], learnt: bool) -> None:
    texts = made_up_texts(20)
    for place in places:
        texts[place] = "zyzzyva " * 200
    tokenizer(text_data(write_jsonl(tmp_path / "a.jsonl", texts)), tmp_path / "t.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "t.model"))
    assert ("\u2581zyzzyva" in processor.encode("a zyzzyva", out_type=str)) == learnt


def test_training_text_is_bounded() -> None:
    settings = TokenizerSettings(vocab_size=VOCAB_SIZE, max_training_bytes=300)
    lines = Lines(iter(made_up_texts(1000)), settings)
    assert sum(len(line.encode()) for line in lines) == lines.size_bytes
    assert 300 <= lines.size_bytes < 300 + 4192


@given(st.text(st.sampled_from("ab한😀 ")), st.integers(16, 40))
def test_long_lines_are_cut_and_nothing_but_spaces_is_lost(line: str, max_bytes: int) -> None:
    parts = list(cut(line, max_bytes))
    assert all(0 < len(part.encode()) <= max_bytes for part in parts)
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")


def test_a_corpus_without_spaces_still_has_a_piece_for_the_space() -> None:
    model = train(["abcabcabd" * 9], TokenizerSettings(vocab_size=266))
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    assert processor.decode(processor.encode("a b")) == "a b"


def test_a_ready_model_is_copied(corpus: Path, model_path: Path, tmp_path: Path) -> None:
    tokenizer(text_data(corpus, tokenizer_model=str(model_path)), tmp_path / "copy.model")
    shards = ShardsData(path="unused", tokenizer_model=str(model_path), vocab_size=VOCAB_SIZE)
    tokenizer(shards, tmp_path / "shards.model")
    assert sha256(tmp_path / "copy.model") == sha256(tmp_path / "shards.model") == sha256(model_path)


def test_a_ready_model_of_another_size_is_told(model_path: Path, tmp_path: Path) -> None:
    settings = SampleData(tokenizer_model=str(model_path))
    with pytest.raises(ValueError, match=r"tokenizer\.model: the tokenizer has 320 pieces, .* say vocab_size 1024"):
        tokenizer(settings, tmp_path / "copy.model")
    with pytest.raises(ValueError, match=r"the tokenizer has 320 pieces, the settings say vocab_size 1024"):
        tokenizer(ShardsData(path="unused", tokenizer_model=str(model_path)), tmp_path / "copy.model")
    assert not (tmp_path / "copy.model").exists()


@pytest.mark.parametrize("texts", [[], ["only validation"], ["validation", "", " \n "]])
def test_an_empty_corpus_is_told(tmp_path: Path, texts: list[str]) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", texts)
    with pytest.raises(ValueError, match="the corpus is empty: no training text to train the tokenizer on"):
        tokenizer(text_data(path), tmp_path / "t.model")


def test_a_corpus_too_small_for_the_vocabulary_is_told() -> None:
    message = "the corpus is too small for the vocabulary: 27 bytes of training text give 312 pieces, .* asks for 1024"
    with pytest.raises(ValueError, match=message):
        train(["we the people of this union"], TokenizerSettings(vocab_size=1024))


def test_a_vocabulary_too_small_for_the_characters_is_told() -> None:
    message = r"vocab_size 264 is too small for the characters of the corpus: .* character_coverage \(now 1\.0\)"
    with pytest.raises(ValueError, match=message):
        train(made_up_texts(3), TokenizerSettings(vocab_size=264, character_coverage=1.0))


def test_other_refusals_of_the_trainer_are_passed_on() -> None:
    settings = TokenizerSettings(vocab_size=VOCAB_SIZE).model_copy(update={"character_coverage": 0.5})
    with pytest.raises(ValueError, match=r"SentencePiece could not train on \d+ bytes of text: .*character_coverage"):
        train(made_up_texts(3), settings)
