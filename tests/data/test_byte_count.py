"""Bytes of tokens: their sum is the length of the decoded document, for any text and any tokenizer."""

from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.made_up_corpus import made_up_texts
from flowgolf.data.byte_count import ByteTable, decoded_bytes, load_processor
from flowgolf.data.encode import Encoder
from flowgolf.data.settings import SplitFirst, TokenizerSettings
from flowgolf.data.split import Splitter
from flowgolf.data.tokenizer import train

DIFFICULT = st.sampled_from(
    list(" \t\n\r\0\u2581\u00a0\u2003\u200b\u00ad\ufb01\ufdfa\u00a8\u0301é“–7½😀한\ufffd\ue000\U0010ffff")
)
TEXT = st.one_of(
    st.text(), st.text(DIFFICULT), st.lists(st.sampled_from(made_up_texts(1)[0].split()), max_size=9).map(" ".join)
)
"""Any Unicode text; spaces of all kinds and characters that normalisation changes; words of the vocabulary."""

TOKENIZERS = st.builds(
    TokenizerSettings,
    vocab_size=st.integers(330, 400),
    character_coverage=st.floats(0.98, 1.0),
    split_digits=st.booleans(),
    normalization=st.sampled_from(["nmt_nfkc", "nfkc", "identity"]),
    max_sentence_bytes=st.integers(16, 5000),
)
CORPUS = made_up_texts(12)


def loaded(model: bytes) -> tuple[sentencepiece.SentencePieceProcessor, ByteTable]:
    """A tokenizer and its table."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return processor, ByteTable.from_processor(processor)


def assert_exact(model: bytes, text: str, tmp_path: Path) -> None:
    """The stream of the document as the pipeline writes it counts as its decoded text."""
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model)
    processor, table = loaded(model)
    batch = Encoder(path, Splitter(SplitFirst(val_documents=1), [text])).encode(0, [text])
    ids = batch.validation.tokens
    assert ids[0] == processor.bos_id()
    assert batch.validation.bytes_scored == len(processor.decode(ids.tolist()).encode())
    assert batch.validation.bytes_original == len(text.encode())


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    """One tokenizer per normalisation."""
    names = ("nmt_nfkc", "nfkc", "identity")
    return {name: train(CORPUS, TokenizerSettings(vocab_size=400, normalization=name)) for name in names}


@pytest.mark.parametrize("normalization", ["nmt_nfkc", "nfkc", "identity"])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_bytes_of_any_text_are_exact(models: dict[str, bytes], tmp_path: Path, normalization: str, text: str) -> None:
    assert_exact(models[normalization], text, tmp_path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=TOKENIZERS, texts=st.lists(TEXT, min_size=1, max_size=5), extra=st.lists(TEXT, max_size=3))
def test_bytes_are_exact_for_any_tokenizer(
    tmp_path: Path, options: TokenizerSettings, texts: list[str], extra: list[str]
) -> None:
    model = train([*CORPUS, *extra], options)
    for text in texts:
        assert_exact(model, text, tmp_path)


@settings(max_examples=200, deadline=None)
@given(text=TEXT.filter(lambda text: "\u2581" not in text))
def test_identity_keeps_every_byte(models: dict[str, bytes], text: str) -> None:
    processor, table = loaded(models["identity"])
    ids = np.array([processor.bos_id(), *processor.encode(text)])
    assert processor.decode(ids.tolist()) == text
    assert table.total(ids) == len(text.encode())


def test_the_rules_of_the_table(models: dict[str, bytes]) -> None:
    processor, table = loaded(models["nmt_nfkc"])
    piece = processor.piece_to_id("\u2581the")
    word = len("the")
    assert piece != processor.unk_id()
    byte = processor.piece_to_id("<0xC3>")
    previous = np.array([byte, piece, 0, 1, 2, 3])
    assert table.count(previous, np.full(6, piece)).tolist() == [word + 1, word + 1, word, word, word, word]
    assert table.count(np.array([piece, 1]), np.array([byte, byte])).tolist() == [1, 1]
    assert table.count(np.full(4, piece), np.arange(4)).tolist() == [0, 0, 0, 0]
    square = np.array([[1, piece], [piece, byte]])
    assert table.count(square, square[:, ::-1]).shape == (2, 2)


def test_normalisation_that_drops_text_shows_in_the_original_bytes(models: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(models["nmt_nfkc"])
    text = "  the\n\n\nlaw \u200b "
    batch = Encoder(path, Splitter(SplitFirst(val_documents=1), [text])).encode(0, [text])
    assert batch.validation.bytes_scored == len("the law")
    assert batch.validation.bytes_original == len(text.encode()) == 16


@pytest.mark.parametrize(
    ("normalization", "text", "decoded"),
    [
        ("nmt_nfkc", "  a \n\n b\tc ", "a b c"),
        ("nmt_nfkc", "x\u200by\u0001\ufffd", "x y"),
        ("nmt_nfkc", "\ufb01\u3000\u00a0\uff21", "fi A"),
        ("nfkc", "  a \n\n b\tc ", "a \n\n b\tc"),
        ("nfkc", "\ufdfa", "صلى الله عليه وسلم"),
        ("identity", " a\n\n  b\u200b\ufb01 ", " a\n\n  b\u200b\ufb01 "),
    ],
)
def test_normalisation_changes_what_the_documentation_says(
    models: dict[str, bytes], normalization: str, text: str, decoded: str
) -> None:
    processor, _ = loaded(models[normalization])
    assert processor.decode(processor.encode(text)) == decoded


def test_an_unknown_piece_counts_nothing_and_starts_a_new_stretch(tmp_path: Path) -> None:
    path = tmp_path / "no_bytes"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_prefix=str(path), vocab_size=100, model_type="bpe", minloglevel=2
    )
    processor = load_processor(f"{path}.model")
    table = ByteTable.from_processor(processor)
    ids = np.array([processor.bos_id(), *processor.encode("the 한 law")])
    assert processor.unk_id() in ids
    assert table.total(ids) == decoded_bytes(processor, table, ids) == len("the law")


def test_a_document_whose_bytes_do_not_add_up_is_an_error(models: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(models["nmt_nfkc"])
    encoder = Encoder(path, Splitter(SplitFirst(val_documents=1), ["the law"]))
    encoder.table.piece_bytes[encoder.processor.piece_to_id("\u2581law")] += 1
    with pytest.raises(ValueError, match="document 0: its tokens count as 8 bytes but decode to 7, so bits per byte"):
        encoder.encode(0, ["the law"])


def test_a_file_that_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.model: tokenizer not readable \(No such file or directory\)"):
        load_processor(tmp_path / "gone.model")
    (tmp_path / "text.model").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.model: not a SentencePiece model"):
        load_processor(tmp_path / "text.model")
