"""Range coder of `export.codec: range`, from integer frequencies of fixed precision stored before the coded words."""

import struct

import constriction
import numpy as np
from numpy.typing import NDArray

PRECISION_BITS = 14  # frequencies sum to 2**14


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


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Value and the position after it; at most three bytes are read."""
    value = 0
    for index, byte in enumerate(data[start : start + 3]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    raise ValueError("range stream has a damaged frequency table")
