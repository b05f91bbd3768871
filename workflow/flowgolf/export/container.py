"""The artifact file: prelude, JSON header, payload (docs/artifact.md). Reading can neither execute nor overallocate."""

import hashlib
import math
import struct
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowgolf.export.codec import Codec, zstd_decompress
from flowgolf.export.dequantize import Kind

MAGIC = b"flowgolf"
VERSION = 1
PRELUDE = struct.Struct("<8sHII32s")  # magic, version, header bytes stored, header bytes of JSON, SHA-256 of the rest
MAX_HEADER_BYTES = 2**20  # of JSON; a model of 11 layers has 30,000
MAX_TENSORS = 4096
MAX_ELEMENTS = 2**28
FREE_ELEMENTS, ELEMENTS_PER_BYTE = 2**22, 32  # a file of 10 kB may not cost 100 MB; trained weights take 0.6 bytes each
FREE_LINES = 2**17  # rows and columns that have a scale or a class; beyond, one for each byte of the file
MAX_DIMENSIONS = 8
MAX_RANK = 64  # of a correction: each rank is a pass over its tensor
CORRECTION_GROUP = 64  # numbers of a factor under one scale; the last group is filled up with zeros

Plane = Literal["classes", "scales_low", "scales_high", "halves_low", "halves_high", "floats"]
PLANES: tuple[Plane, ...] = get_args(Plane)


class Strict(BaseModel):
    """A part of the header: closed, typed, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Span(Strict):
    """A piece of the payload; offsets count from the end of the header."""

    offset: int = Field(ge=0)
    size: int = Field(ge=0)


class TensorEntry(Strict):
    """A tensor in the header. Integer kinds have a span, an axis and classes of lines; float kinds live in planes."""

    name: str = Field(min_length=1, max_length=256)
    kind: Kind
    shape: list[int] = Field(max_length=MAX_DIMENSIONS)
    span: Span | None = None
    axis: Literal[0, 1] = 0
    classes: Literal[1, 2, 4, 8, 16] = 1

    @property
    def num_elements(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(rows, columns): the last dimension is the row, a vector is one row."""
        columns = self.shape[-1] if self.shape else 1
        return math.prod(self.shape[:-1]), columns

    @property
    def num_lines(self) -> int:
        """Rows or columns, whichever the classes are of."""
        return self.matrix_shape[self.axis]


class Correction(Strict):
    """Two entries whose product is added to a tensor when it is read, and which are no tensors of the model."""

    tensor: str
    """Name of the corrected tensor."""
    left: str
    """Name of the entry whose first rows * rank numbers are (rows, rank)."""
    right: str
    """Name of the entry whose first rank * columns numbers are (rank, columns)."""
    rank: int = Field(ge=1, le=MAX_RANK)


class Header(Strict):
    """Everything but the weights."""

    codec: Codec
    model: dict[str, Any]
    tensors: list[TensorEntry] = Field(max_length=MAX_TENSORS)
    planes: dict[Plane, Span]
    symbols_sha256: str
    """SHA-256 of the integers of all quantised tensors in order: a coder that decodes otherwise is found out."""
    corrections: list[Correction] = Field([], max_length=MAX_TENSORS)
    """Low-rank corrections of quantised tensors."""

    @property
    def weights(self) -> list[TensorEntry]:
        """The entries that are weights of the model; the others are factors of corrections."""
        factors = {name for each in self.corrections for name in (each.left, each.right)}
        return [entry for entry in self.tensors if entry.name not in factors]


def read(path: str | Path) -> tuple[Header, memoryview, str]:
    """Header, payload and SHA-256 of an artifact; anything else is a ValueError of one sentence naming the file."""
    data = Path(path).read_bytes()
    try:
        header, payload = decode(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return header, payload, hashlib.sha256(data).hexdigest()


def decode(data: bytes) -> tuple[Header, memoryview]:
    """Checked header and payload of a file's bytes."""
    if data[:8] != MAGIC:
        raise ValueError("not a flowgolf artifact")
    if len(data) < PRELUDE.size:
        raise ValueError(f"truncated: {len(data)} bytes, the prelude alone has {PRELUDE.size}")
    _, version, stored_bytes, raw_bytes, checksum = PRELUDE.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"artifact version {version}, this program reads version {VERSION}")
    if stored_bytes > len(data) - PRELUDE.size or raw_bytes > MAX_HEADER_BYTES:
        raise ValueError("damaged: the declared header does not fit the file")
    view = memoryview(data)
    if hashlib.sha256(data[: PRELUDE.size - 32] + data[PRELUDE.size :]).digest() != checksum:
        raise ValueError("damaged: the checksum does not match")
    body = view[PRELUDE.size :]
    header = parse_header(zstd_decompress(bytes(body[:stored_bytes]), raw_bytes))
    payload = body[stored_bytes:]
    check_sizes(header, len(payload))
    return header, payload


def parse_header(raw: bytes) -> Header:
    """Header from JSON; the first thing wrong is named."""
    try:
        return Header.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"header: {place or 'JSON'}: {first['msg']}") from None


def check_sizes(header: Header, payload_bytes: int) -> None:
    """Refuse sizes that the file cannot hold, before anything is allocated for them."""
    names = {entry.name for entry in header.tensors}
    if len(names) != len(header.tensors):
        raise ValueError("header: a tensor is named twice")
    for entry in header.tensors:
        if any(size < 1 or size > MAX_ELEMENTS for size in entry.shape):
            raise ValueError(f"header: {entry.name}: impossible shape {entry.shape}")
        if (entry.span is not None) != entry.kind.startswith("int"):
            raise ValueError(f"header: {entry.name}: a span belongs to integer tensors and to no others")
    check_corrections(header)
    num_elements = sum(entry.num_elements for entry in header.tensors)
    if num_elements > min(MAX_ELEMENTS, FREE_ELEMENTS + ELEMENTS_PER_BYTE * payload_bytes):
        raise ValueError(f"header: declares {num_elements} weights, more than the file can hold")
    num_lines = sum(max(entry.matrix_shape[0], entry.num_lines) for entry in header.tensors if entry.span)
    if num_lines > FREE_LINES + payload_bytes:
        raise ValueError(f"header: declares {num_lines} rows, more than the file can hold")
    spans = [entry.span for entry in header.tensors if entry.span] + [header.planes.get(name) for name in PLANES]
    position = 0
    for span in spans:
        if span is None or span.offset != position:
            raise ValueError("header: the pieces of the payload do not follow each other")
        position += span.size
    if position != payload_bytes:
        raise ValueError(f"header: declares a payload of {position} bytes, the file has {payload_bytes}")


def check_corrections(header: Header) -> None:
    """Refuse a correction whose parts are not there, are used twice, or are not of its size."""
    entries, used = {entry.name: entry for entry in header.tensors}, set[str]()
    for each in header.corrections:
        names = {each.tensor, each.left, each.right}
        if len(names) < 3 or names - entries.keys() or names & used:
            raise ValueError(f"header: the correction of {each.tensor} lacks a part, or shares one")
        used |= names
        rows, columns = entries[each.tensor].matrix_shape
        if any(not entries[name].kind.startswith("int") for name in names) or each.rank > min(rows, columns):
            raise ValueError(f"header: the correction of {each.tensor} is not one of integers and lower rank")
        for name, count in ((each.left, rows * each.rank), (each.right, columns * each.rank)):
            if not count <= entries[name].num_elements < count + CORRECTION_GROUP:
                raise ValueError(f"header: {name} has {entries[name].num_elements} numbers where {count} belong")
