"""Artifact bytes to weights; the sizes in the header have been checked against the file (container.py)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowgolf.export import container
from flowgolf.export.codec import Codec, brotli_decompress, zstd_decompress
from flowgolf.export.container import Header, Plane, Span, TensorEntry
from flowgolf.export.correct import with_corrections
from flowgolf.export.dequantize import Kind, dequantize
from flowgolf.export.layout import Grouping, Symbols, restore, unpack_classes
from flowgolf.export.range_coder import range_decompress


@dataclass(frozen=True)
class Artifact:
    """What an artifact holds."""

    model: dict[str, Any]
    """Settings of the model."""
    tensors: dict[str, Tensor]
    """float32 weights, corrections added."""
    sha256: str
    """Of the file."""
    codec: Codec
    """Entropy coder of the integers."""
    kinds: dict[str, Kind]
    """Storage of each tensor."""


def unpack(header: Header, payload: memoryview, sha256: str) -> Artifact:
    """Decode every tensor; anything inconsistent is a ValueError."""
    integers = [entry for entry in header.tensors if entry.span]
    num_rows = sum(entry.matrix_shape[0] for entry in integers)
    scales = read_halves(header, payload, "scales_low", "scales_high", num_rows)
    if not (scales > 0).all():
        raise ValueError("a scale is not positive")
    groupings = unpack_classes(
        bytes(piece(payload, header.planes["classes"])),
        [(entry.axis, entry.classes, entry.num_lines) for entry in integers],
    )
    tensors, digest = read_floats(header, payload), hashlib.sha256()
    for entry, grouping in zip(integers, groupings, strict=True):
        symbols = read_symbols(entry, payload, grouping, header.codec)
        digest.update(symbols.tobytes())
        row_scales, scales = scales[: len(symbols)], scales[len(symbols) :]
        tensors[entry.name] = dequantize(to_integers(symbols, entry), torch.from_numpy(row_scales))
    if digest.hexdigest() != header.symbols_sha256:
        raise ValueError("the decoded integers differ from those that were stored")
    ordered = with_corrections(header.corrections, {entry.name: tensors[entry.name] for entry in header.tensors})
    kinds = {entry.name: entry.kind for entry in header.tensors if entry.name in ordered}
    return Artifact(header.model, ordered, sha256, header.codec, kinds)


def piece(payload: memoryview, span: Span) -> memoryview:
    """A span of the payload."""
    return payload[span.offset : span.offset + span.size]


def read_symbols(entry: TensorEntry, payload: memoryview, grouping: Grouping, codec: Codec) -> Symbols:
    """Symbols of a tensor (rows, columns)."""
    assert entry.span is not None
    data, (rows, columns) = bytes(piece(payload, entry.span)), entry.matrix_shape
    try:
        if codec == "zstd":
            flat = zstd_decompress(data, rows * columns)
        elif codec == "brotli":
            flat = brotli_decompress(data, rows * columns)
        else:
            line_size = columns if grouping.axis == 0 else rows
            flat = range_decompress(data, [lines * line_size for lines in grouping.group_lines()])
    except ValueError as error:
        raise ValueError(f"{entry.name}: {error}") from None
    return restore(np.frombuffer(flat, np.uint8), (rows, columns), grouping)


def to_integers(symbols: Symbols, entry: TensorEntry) -> Tensor:
    """Signed integers of the tensor's shape; a symbol outside its width is a ValueError."""
    half = 2 ** (int(entry.kind.removeprefix("int")) - 1)
    if symbols.size and symbols.max() >= 2 * half:
        raise ValueError(f"{entry.name}: a symbol outside {entry.kind}")
    shifted: Tensor = torch.from_numpy(symbols).to(torch.int16) - half
    return shifted.to(torch.int8).reshape(entry.shape)


def read_halves(header: Header, payload: memoryview, low: Plane, high: Plane, count: int) -> np.ndarray:
    """float16 values from their two byte planes (count,)."""
    planes = [zstd_decompress(bytes(piece(payload, header.planes[plane])), count) for plane in (low, high)]
    return join_planes(b"".join(planes), np.dtype("<f2"), low)


def join_planes(data: bytes, dtype: np.dtype, place: str) -> np.ndarray:
    """Values from their byte planes; one that is not finite is a ValueError."""
    planes = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1)
    values = np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    if not np.isfinite(values).all():
        raise ValueError(f"{place}: a value is not finite")
    return values.astype(dtype.newbyteorder("="))


def read_floats(header: Header, payload: memoryview) -> dict[str, Tensor]:
    """Tensors that are stored as float16 or float32."""
    tensors = {}
    halves = [entry for entry in header.tensors if entry.kind == "float16"]
    floats = [entry for entry in header.tensors if entry.kind == "float32"]
    num_halves, num_floats = (sum(entry.num_elements for entry in entries) for entries in (halves, floats))
    half_values = read_halves(header, payload, "halves_low", "halves_high", num_halves)
    float_bytes = zstd_decompress(bytes(piece(payload, header.planes["floats"])), 4 * num_floats)
    float_values = join_planes(float_bytes, np.dtype("<f4"), "floats")
    for entries, values in ((halves, half_values), (floats, float_values)):
        start = 0
        for entry in entries:
            part = values[start : start + entry.num_elements].astype(np.float32)
            tensors[entry.name] = torch.from_numpy(part).reshape(entry.shape)
            start += entry.num_elements
    return tensors


def load(path: str | Path, check: Callable[[Header], None] = lambda header: None) -> Artifact:
    """Weights of an artifact as float32, its model settings and its SHA-256; any other file is a ValueError.

    `check` may refuse the header, as a ValueError, before anything is allocated for the weights.
    """
    header, payload, sha256 = container.read(path)
    try:
        check(header)
        return unpack(header, payload, sha256)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
