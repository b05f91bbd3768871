"""Tokenizing that is interrupted goes on where it stopped, and only if nothing has changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.made_up_corpus import Output, made_up_texts, text_data, write_jsonl
from flowgolf.data import encode, tokenize_run
from flowgolf.data.settings import SplitEveryKth
from flowgolf.data.tokenizer import tokenizer
from flowgolf.files import read_json

NOTHING_DONE: dict[str, Any] = {"documents": 0, "parts": {}}


class Interrupted(Exception):
    """Stands for a kill at any moment."""


def interrupt_after(monkeypatch: pytest.MonkeyPatch, num_batches: int) -> list[int]:
    """Let the next run die after so many batches; the list collects the number of the first document of each batch."""
    begun: list[int] = []
    original = encode.Encoder.encode

    def dying(encoder: encode.Encoder, first_index: int, texts: list[str]) -> encode.EncodedBatch:
        if len(begun) == num_batches:
            raise Interrupted
        begun.append(first_index)
        return original(encoder, first_index, texts)

    monkeypatch.setattr(encode.Encoder, "encode", dying)
    return begun


@pytest.mark.parametrize("num_batches", [0, 1, 5, 13, 18])
@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_run_goes_on_where_it_stopped(
    corpus: Path, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_batches: int
) -> None:
    settings = text_data(corpus, shard_tokens=1000)
    whole = Output(tmp_path / "whole")
    expected = whole.make(settings, model_path)
    output = Output(tmp_path / "interrupted")
    with monkeypatch.context() as patch:
        interrupt_after(patch, num_batches)
        with pytest.raises(Interrupted):
            output.make(settings, model_path)
    assert not output.shards.exists() and not output.record_path.exists()
    state = read_json(output.state / "state.json") if (output.state / "state.json").is_file() else NOTHING_DONE
    finished = {shard["name"] for part in state["parts"].values() for shard in part["shards"]}
    written = {name: (output.state / name).stat().st_mtime_ns for name in finished}
    with monkeypatch.context() as patch:
        begun = interrupt_after(patch, 10**6)
        assert output.make(settings, model_path) == expected
    assert begun[0] == state["documents"]
    assert len(finished) >= min(num_batches // 5, 2)
    assert output.files() == whole.files()
    assert {name: (output.shards / name).stat().st_mtime_ns for name in finished} == written


@pytest.mark.usefixtures("small_batches")
def test_a_run_that_died_while_publishing_is_finished_or_begun_again(
    corpus: Path, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = text_data(corpus, shard_tokens=1000)
    expected = Output(tmp_path / "whole").make(settings, model_path)
    output = Output(tmp_path / "interrupted")

    def dying(*_: object) -> Iterator[None]:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(tokenize_run, "part_record", dying)
        with pytest.raises(Interrupted):
            output.make(settings, model_path)
    assert len(list(output.shards.iterdir())) > 1
    assert output.make(settings, model_path) == expected
    assert output.files() == Output(tmp_path / "whole").files()


@pytest.mark.parametrize("change", ["text", "settings", "tokenizer", "file gone"])
@pytest.mark.usefixtures("small_batches")
def test_state_of_another_run_is_not_taken_up(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", made_up_texts(60))
    settings, output = text_data(path, shard_tokens=1000), Output(tmp_path / "out")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 12)
        with pytest.raises(Interrupted):
            output.make(settings, model_path)
    if change == "text":
        write_jsonl(path, made_up_texts(61, seed=1))
    elif change == "settings":
        settings = text_data(path, shard_tokens=1000, split=SplitEveryKth(k=4))
    elif change == "tokenizer":
        model_path = tmp_path / "other.model"
        tokenizer(text_data(write_jsonl(tmp_path / "b.jsonl", made_up_texts(60, seed=2))), model_path)
    else:
        (output.state / "fineweb_train_000001.bin").unlink()
    with monkeypatch.context() as patch:
        begun = interrupt_after(patch, 10**6)
        output.make(settings, model_path)
    assert begun[0] == 0
    Output(tmp_path / "fresh").make(settings, model_path)
    assert output.files() == Output(tmp_path / "fresh").files()
