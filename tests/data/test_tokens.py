"""Text to shards: exact records, any number of workers, interruptions, and what is said about unusable text."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from data.made_up_corpus import VOCAB_SIZE, Output, made_up_texts, text_data, write_jsonl
from flowgolf.data import encode
from flowgolf.data.byte_count import load_processor
from flowgolf.data.dataset import Dataset
from flowgolf.data.settings import SampleData, SplitByHash, SplitEveryKth, SplitFirst, TokenizerSettings
from flowgolf.data.sources import Documents
from flowgolf.data.tokenizer import tokenizer
from flowgolf.files import sha256


def expected_stream(texts: list[str], model_path: Path) -> list[int]:
    """BOS and pieces of each text, one after the other."""
    processor = load_processor(model_path)
    return [token for text in texts for token in [processor.bos_id(), *processor.encode(text)]]


def test_shards_hold_bos_and_the_pieces_of_each_document_in_order(
    corpus: Path, model_path: Path, tmp_path: Path
) -> None:
    record = Output(tmp_path).make(text_data(corpus), model_path)
    texts = list(Documents(text_data(corpus)))
    data = Dataset.open(tmp_path / "data.json")
    for part, stream in (("train", data.train), ("validation", data.validation)):
        chosen = [text for index, text in enumerate(texts) if (index % 5 == 0) == (part == "validation")]
        expected = expected_stream(chosen, model_path)
        assert stream.read(0, len(stream)).tolist() == expected
        assert record[part]["documents"] == len(chosen)
        assert record[part]["tokens"] == len(expected)
        assert record[part]["bytes_original"] == sum(len(text.encode()) for text in chosen)
        assert record[part]["bytes_scored"] == sum(len(" ".join(text.split()).encode()) for text in chosen)
        assert record[part]["tokens_per_byte"] == record[part]["tokens"] / record[part]["bytes_scored"]


def test_the_record_names_files_as_they_are(corpus: Path, model_path: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "study")
    record = output.make(text_data(corpus, shard_tokens=1500, prefix="made_up"), model_path)
    listed = [shard for part in ("train", "validation") for shard in record[part]["shards"]]
    assert {Path(shard["path"]).name: shard["sha256"] for shard in listed} == output.files()
    assert [shard["path"] for shard in record["train"]["shards"][:2]] == [
        "shards/made_up_train_000000.bin", "shards/made_up_train_000001.bin",
    ]  # fmt: skip
    assert [shard["tokens"] for shard in record["train"]["shards"][:-1]] == [1500] * (
        len(record["train"]["shards"]) - 1
    )
    assert record["tokenizer"]["sha256"] == sha256(model_path)
    assert record["tokenizer"]["vocab_size"] == VOCAB_SIZE
    assert (output.record_path.parent / record["tokenizer"]["path"]).resolve() == model_path
    assert record["source"] == text_data(corpus, shard_tokens=1500, prefix="made_up").model_dump()
    assert not output.state.exists()


def test_the_byte_record_equals_the_count_over_the_stream(corpus: Path, model_path: Path, tmp_path: Path) -> None:
    record = Output(tmp_path).make(text_data(corpus), model_path)
    data = Dataset.open(tmp_path / "data.json")
    for part, stream in (("train", data.train), ("validation", data.validation)):
        assert data.byte_table.total(stream.read(0, len(stream))) == record[part]["bytes_scored"]


@pytest.mark.parametrize("split", [SplitEveryKth(k=4), SplitFirst(val_documents=9), SplitByHash(fraction=0.3)])
@pytest.mark.usefixtures("small_batches")
def test_the_result_does_not_depend_on_the_number_of_workers(
    tmp_path: Path, model_path: Path, split: SplitEveryKth | SplitFirst | SplitByHash
) -> None:
    texts = made_up_texts(40)
    settings = text_data(write_jsonl(tmp_path / "a.jsonl", [*texts, *texts[:20]]), split=split, shard_tokens=900)
    records = [Output(tmp_path / str(number)).make(settings, model_path, number) for number in (1, 2, 3)]
    assert records[0] == records[1] == records[2]
    assert Output(tmp_path / "1").files() == Output(tmp_path / "2").files() == Output(tmp_path / "3").files()


def test_training_documents_that_repeat_a_validation_document_are_dropped_and_counted(
    tmp_path: Path, model_path: Path
) -> None:
    texts = made_up_texts(20)
    copies = [*texts[:10], texts[15], texts[10], texts[0], texts[5], *texts[11:]]
    record = Output(tmp_path).make(text_data(write_jsonl(tmp_path / "a.jsonl", copies)), model_path)
    validation = set(copies[::5])
    train = [text for index, text in enumerate(copies) if index % 5 and text not in validation]
    stream = Dataset.open(tmp_path / "data.json").train
    assert stream.read(0, len(stream)).tolist() == expected_stream(train, model_path)
    assert record["duplicates_dropped"] == len(copies) - len(copies[::5]) - len(train) > 0


def test_empty_documents_are_a_bos(tmp_path: Path, model_path: Path) -> None:
    texts = ["", "the law", "", "of war"]
    record = Output(tmp_path).make(
        text_data(write_jsonl(tmp_path / "a.jsonl", texts), split=SplitFirst(val_documents=1)), model_path
    )
    stream = Dataset.open(tmp_path / "data.json").validation
    assert stream.read(0, len(stream)).tolist() == [1]
    assert record["validation"]["tokens_per_byte"] is None
    assert record["duplicates_dropped"] == 1


@pytest.mark.parametrize(
    ("texts", "split", "message"),
    [
        ([], SplitEveryKth(k=5), "the corpus is empty: the source has no document"),
        (["a", "b"], SplitFirst(val_documents=5), "the train part is empty: split {'kind': 'first', .* of 2 documents"),
        (["a", "b"], SplitByHash(fraction=1e-9), "the validation part is empty: split {'kind': 'hash', .* leaves none"),
    ],
)
def test_an_empty_part_is_told(
    tmp_path: Path, model_path: Path, texts: list[str], split: SplitFirst | SplitByHash, message: str
) -> None:
    output = Output(tmp_path)
    with pytest.raises(ValueError, match=message):
        output.make(text_data(write_jsonl(tmp_path / "a.jsonl", texts), split=split), model_path)
    assert not output.record_path.exists()


def test_a_tokenizer_of_another_size_is_told(corpus: Path, model_path: Path, tmp_path: Path) -> None:
    settings = text_data(corpus, tokenizer=TokenizerSettings(vocab_size=1024))
    with pytest.raises(ValueError, match="the tokenizer has 320 pieces, the settings say vocab_size 1024"):
        Output(tmp_path).make(settings, model_path)


def test_a_bad_line_is_told_from_workers_too(tmp_path: Path, model_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", made_up_texts(6))
    path.write_text(path.read_text() + '{"body": "x"}\n')
    with pytest.raises(ValueError, match=r"a\.jsonl, line 7: field 'text' expected, found body"):
        Output(tmp_path).make(text_data(path), model_path, 2)


def test_a_tokenizer_without_bos_is_told(corpus: Path, tmp_path: Path) -> None:
    import sentencepiece  # noqa: PLC0415

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(made_up_texts(20)), model_prefix=str(tmp_path / "t"), vocab_size=320, model_type="bpe",
        bos_id=-1, byte_fallback=True, minloglevel=2,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"t\.model: the tokenizer has no BOS piece, which every document starts with"):
        Output(tmp_path).make(text_data(corpus), tmp_path / "t.model")


@pytest.mark.usefixtures("small_batches")
def test_a_killed_worker_is_told(
    corpus: Path, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def killed(encoder: encode.Encoder, first_index: int, texts: list[str]) -> None:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(encode.Encoder, "encode", killed)
    with pytest.raises(ValueError, match="a tokenizing worker process was killed, perhaps for lack of memory"):
        Output(tmp_path).make(text_data(corpus), model_path, 2)


def test_the_sample_becomes_shards(tmp_path: Path) -> None:
    settings = SampleData(max_document_bytes=1500)
    tokenizer(settings, tmp_path / "t.model")
    record = Output(tmp_path).make(settings, tmp_path / "t.model", 2)
    assert record["validation"]["documents"] == 24
    assert record["train"]["documents"] + record["duplicates_dropped"] == 213
    stream = Dataset.open(tmp_path / "data.json").validation
    assert int(np.count_nonzero(stream.read(0, len(stream)) == 1)) == 24


def test_a_record_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"train": {}}')
    with pytest.raises(ValueError, match=r"data\.json: not a data record: tokenizer, validation missing"):
        Dataset.open(tmp_path / "data.json")


def test_text_that_normalisation_makes_longer_is_a_warning(corpus: Path, model_path: Path, tmp_path: Path) -> None:
    assert Output(tmp_path / "a").make(text_data(corpus), model_path)["warnings"] == []
    longer = write_jsonl(tmp_path / "longer.jsonl", ["\ufdfa \ufdfa", *made_up_texts(4)])
    told = Output(tmp_path / "b").make(text_data(longer), model_path)["warnings"]
    assert [text.partition(":")[0] for text in told] == ["validation"]
    assert "bytes are scored of text that was written with" in told[0]


@pytest.mark.parametrize("part", ["train", "validation", "tokenizer"])
def test_a_file_that_was_replaced_is_not_opened(corpus: Path, model_path: Path, tmp_path: Path, part: str) -> None:
    record = Output(tmp_path).make(text_data(corpus), model_path)
    entry = record["tokenizer"] if part == "tokenizer" else record[part]["shards"][0]
    path = tmp_path / "copy"
    content = bytearray((tmp_path / entry["path"]).read_bytes())
    content[2000:2002] = content[2002:2004]
    path.write_bytes(content)
    entry["path"] = "copy"
    with pytest.raises(ValueError, match=r"copy: rule 19: not the file that data.json was written for: its SHA-256 is"):
        getattr(Dataset(record, tmp_path), "byte_table" if part == "tokenizer" else part)
    path.unlink()
    with pytest.raises(ValueError, match=r"copy: .*not readable \(No such file or directory\)"):
        getattr(Dataset(record, tmp_path), "byte_table" if part == "tokenizer" else part)
