"""Documents from every kind of file, and what is said about bad ones."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from flowgolf.data import sources
from flowgolf.data.settings import SampleData, TextData
from flowgolf.data.sources import Documents, first_paragraphs, lines_of

TEXTS = ["first\nof two lines", "", "“second” 한", " third "]
JSONL = "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in TEXTS).encode()


def read(*paths: Path, field: str = "text") -> list[str]:
    """All documents of a text source."""
    return list(Documents(TextData(paths=[str(path) for path in paths], field=field)))


def write(path: Path, content: bytes) -> Path:
    """A file with these bytes, in a new folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def parquet(path: Path, values: list[object], column: str = "text") -> Path:
    """A parquet file with one column."""
    pyarrow.parquet.write_table(pyarrow.table({column: values}), path)
    return path


def zstd(content: bytes) -> bytes:
    """Two frames, as a concatenation of files has them."""
    middle = len(content) // 2
    return b"".join(zstandard.compress(half) for half in (content[:middle], content[middle:]))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", JSONL), ("a.jsonl.gz", gzip.compress(JSONL)), ("a.jsonl.zst", zstd(JSONL)), ("b.jsonl", JSONL[:-1])],
    ids=["plain", "gzip", "zstd", "no newline at the end"],
)
def test_lines_are_documents(tmp_path: Path, name: str, content: bytes) -> None:
    assert read(write(tmp_path / name, content)) == TEXTS


def test_rows_are_documents(tmp_path: Path) -> None:
    assert read(parquet(tmp_path / "a.parquet", [*TEXTS], "body"), field="body") == TEXTS


def test_a_text_file_is_a_document_to_the_byte(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", b"one\r\ntwo\n")) == ["one\r\ntwo\n"]


def test_blank_lines_are_no_documents(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.jsonl", b'\n{"text": "x"}\n  \n')) == ["x"]


def test_a_folder_is_read_in_the_order_of_paths_and_other_files_are_left(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", b"last")
    write(tmp_path / "a" / "deep" / "x.jsonl", b'{"text": "first"}\n')
    write(tmp_path / "a" / "note.md", b"not read")
    parquet(tmp_path / "a.parquet", ["middle"])
    assert read(tmp_path) == ["first", "middle", "last"]
    assert read(tmp_path / "b.txt", tmp_path / "a") == ["last", "first"]


def test_progress_ends_at_the_size_of_the_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.jsonl.gz", gzip.compress(JSONL)), parquet(tmp_path / "b.parquet", ["x", "y"])]
    documents = Documents(TextData(paths=[str(path) for path in paths]))
    seen = [documents.done_bytes for _ in documents]
    assert seen == sorted(seen)
    assert documents.done_bytes == documents.total_bytes == sum(path.stat().st_size for path in paths)


@given(st.lists(st.binary(max_size=6).map(lambda part: part.replace(b"a", b"\n"))))
def test_lines_do_not_depend_on_the_chunks(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = [line + b"\n" for line in whole.split(b"\n")]
    expected[-1] = expected[-1][:-1]
    assert list(lines_of(iter(chunks))) == [line for line in expected if line]


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "not JSON": ("a.jsonl", b'{"text": "x"}\n{"text": \n', r"a\.jsonl, line 2: not valid JSON \(Expecting value"),
    "nested too deeply": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": ' + b"[" * 100_000 + b"\n",
        r"a\.jsonl, line 2: not valid JSON \(nested too",
    ),
    "a number of ten thousand digits": (
        "a.jsonl",
        b'{"text": ' + b"7" * 10_000 + b"}\n",
        r"a\.jsonl, line 1: not valid JSON \(Exceeds the limit",
    ),
    "not UTF-8": ("a.jsonl", b'{"text": "\xff"}\n', r"a\.jsonl, line 1: not valid JSON \('utf-8' codec"),
    "no field": ("a.jsonl", b'\n{"body": "x", "id": 3}\n', r"line 2: field 'text' expected, found body, id"),
    "empty object": ("a.jsonl", b"{}\n", r"line 1: field 'text' expected, found none"),
    "a list": ("a.jsonl", b'["text"]\n', r"line 1: field 'text' expected, found list"),
    "a number": ("a.jsonl", b'{"text": 3}\n', r"line 1: text expected in field 'text', found int"),
    "surrogate": (
        "a.jsonl",
        rb'{"text": "ab\ud800"}',
        r"line 1: field 'text' has half a surrogate pair at character 2",
    ),
    "not gzip": ("a.jsonl.gz", b"hello", r"a\.jsonl\.gz: not readable after line 0 \(Not a gzipped file"),
    "cut gzip": (
        "a.jsonl.gz",
        gzip.compress(JSONL)[:-9],
        r"a\.jsonl\.gz: not readable after line \d \(Compressed file",
    ),
    "not zstd": ("a.jsonl.zst", b"hello", r"a\.jsonl\.zst: not readable after line 0 \(zstd decompressor error"),
    "cut zstd": ("a.jsonl.zst", zstd(JSONL)[:-5], r"a\.jsonl\.zst: not readable after line \d \(compressed file ended"),
    "text": ("a.txt", b"ab\xff", r"a\.txt: not UTF-8 text at offset 2 \(invalid start byte\)"),
    "not parquet": ("a.parquet", b"hello", r"a\.parquet: not readable as parquet after row 0 \("),
}


@pytest.mark.parametrize("problem", BAD_FILES)
def test_a_bad_file_is_told_with_its_place(tmp_path: Path, problem: str) -> None:
    name, content, message = BAD_FILES[problem]
    with pytest.raises(ValueError, match=message) as failure:
        read(write(tmp_path / name, content))
    assert "\n" not in str(failure.value)


def test_a_bad_parquet_file_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.parquet: column 'text' expected, found body"):
        read(parquet(tmp_path / "a.parquet", ["x"], "body"))
    with pytest.raises(ValueError, match=r"b\.parquet, row 2: text expected in field 'text', found NoneType"):
        read(parquet(tmp_path / "b.parquet", ["x", None]))
    path = parquet(tmp_path / "c.parquet", ["x" * 100] * 1000)
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)
    with pytest.raises(ValueError, match=r"c\.parquet: not readable as parquet after row 0"):
        read(write(path, bytes(content)))


@pytest.mark.parametrize(
    ("given_path", "message"),
    [
        ("gone.txt", r"gone\.txt: no such file or folder"),
        ("gone", r"gone: no such file or folder"),
        ("a.csv", r"a\.csv: unknown extension, accepted are \.txt, "),
        ("empty", r"empty: no file with an accepted extension \(\.txt, .*\) in this folder"),
    ],
)
def test_a_path_that_gives_no_text_is_told(tmp_path: Path, given_path: str, message: str) -> None:
    write(tmp_path / "a.csv", b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=message):
        read(tmp_path / given_path)


def test_a_file_that_vanished_is_told(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.txt", b"x"), write(tmp_path / "a.jsonl", JSONL)]
    for path in paths:
        documents = Documents(TextData(paths=[str(path)]))
        path.unlink()
        with pytest.raises(ValueError, match=rf"{path.name}: (text )?not readable .*No such file or directory"):
            list(documents)


def test_the_sample_is_the_state_of_the_union_in_the_order_of_years() -> None:
    documents = Documents(SampleData())
    assert len(documents.paths) == 237
    assert documents.paths[0].name == "1790-Washington-1.txt"
    years = [int(path.name[:4]) for path in documents.paths]
    assert years == sorted(years)
    assert sum(len(text.encode()) for text in documents) == documents.total_bytes > 11_900_000


def test_the_sample_can_be_cut_at_paragraphs() -> None:
    whole, short = Documents(SampleData()), Documents(SampleData(max_document_bytes=5000))
    for full_text, text in zip(whole, short, strict=True):
        assert len(text.encode()) <= 5000 or "\n\n" not in text
        assert full_text == text or full_text.startswith(text + "\n\n")
    assert first_paragraphs("“a”\n\nb\n\nc", 10) == "“a”\n\nb"
    assert first_paragraphs("long first\n\nb", 3) == "long first"


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_a_line_beyond_the_limit_is_told_before_it_is_held(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(sources, "CHUNK_BYTES", 100)
    content = b'{"text": "x"}\n{"text": "' + b"y" * 5000 + b'"}\n'
    packed = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}.get(name[8:], bytes)(content)
    (tmp_path / name).write_bytes(packed)
    told = rf"{name}, line \d: longer than 1000 bytes, the most that a document may have"
    with pytest.raises(ValueError, match=told):
        list(Documents(TextData(paths=[str(tmp_path / name)])))
