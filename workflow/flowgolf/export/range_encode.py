"""Range coder of `export.codec: range`, the writing side."""

import constriction
import numpy as np
from numpy.typing import NDArray

from flowgolf.export.layout import Symbols
from flowgolf.export.range_coder import PRECISION_BITS, categorical


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
