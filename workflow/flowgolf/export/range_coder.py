"""Range coder of `export.codec: range`, from integer frequencies of fixed precision stored before the coded words."""

import struct

import constriction
import numpy as np
from numpy.typing import NDArray

from flowgolf.export.layout import Symbols

PRECISION_BITS = 14  # frequencies sum to 2**14


def range_compress(groups: list[Symbols]) -> bytes:
    """Frequency table of each group (first symbol, last symbol, frequencies), then the words of one range coder."""
    encoder = constriction.stream.queue.RangeEncoder()
    tables = []
    for group in groups:
        first, last = int(group.min(initial=255)), int(group.max(initial=0))
        first = min(first, last)
        frequencies = fixed_precision(np.bincount(group, minlength=last + 1)[first:])
        tables.append(bytes([first, last]) + varints(frequencies))
        if last > first:
            encoder.encode(group.astype(np.int32) - first, categorical(frequencies))
    words = encoder.get_compressed().astype("<u4").tobytes()
    return b"".join([*tables, words])


def range_decompress(data: bytes, group_sizes: list[int]) -> bytes:
    """Undo `range_compress` for the number of symbols in each group; damage is a ValueError."""
    tables, start = [], 0
    for _ in group_sizes:
        first, frequencies, start = read_table(data, start)
        tables.append((first, frequencies))
    if (len(data) - start) % 4:
        raise ValueError("range stream is not made of whole words")
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(data[start:], dtype="<u4").astype(np.uint32))
    parts = []
    for (first, frequencies), size in zip(tables, group_sizes, strict=True):
        if len(frequencies) == 1:
            parts.append(np.full(size, first, dtype=np.uint8))
        else:
            parts.append((decode_symbols(decoder, frequencies, size) + first).astype(np.uint8))
    if not decoder.maybe_exhausted():
        raise ValueError("range stream holds words after its last symbol")
    return b"".join(part.tobytes() for part in parts)


def decode_symbols(
    decoder: constriction.stream.queue.RangeDecoder, frequencies: NDArray[np.int64], size: int
) -> NDArray[np.int32]:
    """Next `size` symbols, counted from the first of the table (size,)."""
    try:
        symbols: NDArray[np.int32] = decoder.decode(categorical(frequencies), size)
    except (AssertionError, ValueError) as error:
        raise ValueError(f"range stream is damaged ({error})") from None
    return symbols


def read_table(data: bytes, start: int) -> tuple[int, NDArray[np.int64], int]:
    """First symbol, frequencies and the position after a table that begins at `start`."""
    if start + 2 > len(data) or data[start] > data[start + 1]:
        raise ValueError("range stream has a damaged frequency table")
    first, last = struct.unpack_from("BB", data, start)
    start += 2
    frequencies = []
    for _ in range(last - first + 1):
        value, start = read_varint(data, start)
        frequencies.append(value)
    if min(frequencies) < 1 or sum(frequencies) != 2**PRECISION_BITS:
        raise ValueError("range stream has a damaged frequency table")
    return first, np.array(frequencies, dtype=np.int64), start


def categorical(frequencies: NDArray[np.int64]) -> constriction.stream.model.Categorical:
    """Coding model; multiples of 2**-14 and their sums are exact in floating point, so every machine agrees."""
    return constriction.stream.model.Categorical(frequencies / 2.0**PRECISION_BITS, perfect=False)


def fixed_precision(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integer frequencies that sum to 2**14, each at least 1 and near its share of `counts`."""
    total = 2**PRECISION_BITS
    shares: NDArray[np.int64] = np.rint(counts * (total / max(counts.sum(), 1))).astype(np.int64)
    frequencies = shares.clip(min=1)
    while excess := int(frequencies.sum()) - total:
        largest = int(frequencies.argmax())
        frequencies[largest] -= min(excess, int(frequencies[largest]) // 2)
    return frequencies


def varints(values: NDArray[np.int64]) -> bytes:
    """Values below 2**14 + 1 in seven bits a byte, low bits first, the high bit set on all but the last byte."""
    out = bytearray()
    for value in values.tolist():
        rest = value
        while rest >= 128:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Value and the position after it; at most three bytes are read."""
    value = 0
    for index, byte in enumerate(data[start : start + 3]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    raise ValueError("range stream has a damaged frequency table")
