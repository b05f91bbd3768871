"""Which lines of a matrix are coded together, chosen by estimated size; the writing side of `layout`."""

import numpy as np
from numpy.typing import NDArray

from flowgolf.export.layout import Grouping, Symbols

NUM_CLASSES = (1, 2, 4, 8, 16)


TABLE_OVERHEAD_BYTES = 8  # of a class beside one byte per symbol of its table: estimate that settles NUM_CLASSES


def entropy_bytes(counts: NDArray[np.int64]) -> float:
    """Order-0 entropy in bytes of symbols that occur `counts` times each."""
    present = counts[counts > 0].astype(np.float64)
    return float((present * np.log2(present.sum() / present)).sum() / 8)


def symbol_entropy_bytes(symbols: Symbols) -> float:
    """Order-0 entropy in bytes of an array of bytes."""
    return entropy_bytes(np.bincount(symbols.ravel(), minlength=256))


def best_grouping(symbols: Symbols, middle: int) -> Grouping:
    """The axis and number of classes with the smallest estimated size; `middle` is the symbol of a zero weight.

    symbols: (rows, columns).
    """
    best_size, best = np.inf, Grouping(0, 1, np.zeros(len(symbols), dtype=np.uint8))
    for axis in (0, 1):
        histograms = line_histograms(symbols if axis == 0 else symbols.T)  # (lines, alphabet)
        squares = (np.arange(histograms.shape[1]) - middle) ** 2
        order = np.argsort(histograms @ squares, kind="stable")
        for num_classes in NUM_CLASSES:
            if num_classes > len(order):
                break
            size = estimated_bytes(histograms[order], num_classes)
            if size < best_size:
                best_size, best = size, Grouping(axis, num_classes, equal_classes(order, num_classes))
    return best


def line_histograms(lines: Symbols) -> NDArray[np.int64]:
    """How often each symbol occurs in each line: (lines, alphabet)."""
    alphabet = int(lines.max(initial=0)) + 1
    offsets = np.arange(len(lines))[:, None] * alphabet
    counts = np.bincount((lines + offsets).ravel(), minlength=len(lines) * alphabet)
    return counts.reshape(len(lines), alphabet)


def estimated_bytes(ordered_histograms: NDArray[np.int64], num_classes: int) -> float:
    """Entropy, tables and class plane of ordered lines split into equal classes."""
    size = len(ordered_histograms) * (num_classes.bit_length() - 1) / 8
    for group in np.array_split(ordered_histograms, num_classes):
        counts = group.sum(axis=0)
        size += entropy_bytes(counts) + TABLE_OVERHEAD_BYTES + np.count_nonzero(counts)
    return size


def equal_classes(order: NDArray[np.int64], num_classes: int) -> Symbols:
    """Class of each line when the lines in `order` are cut into equal parts."""
    classes = np.empty(len(order), dtype=np.uint8)
    for index, lines in enumerate(np.array_split(order, num_classes)):
        classes[lines] = index
    return classes


def arrange(symbols: Symbols, grouping: Grouping) -> list[Symbols]:
    """Symbols (rows, columns) as one flat array per class."""
    lines = symbols if grouping.axis == 0 else symbols.T
    return [lines[grouping.classes == index].ravel() for index in range(grouping.num_classes)]


def pack_classes(groupings: list[Grouping]) -> bytes:
    """Classes of all tensors as one run of bits, log2(num_classes) each, most significant first."""
    bits = [unpacked_bits(grouping) for grouping in groupings]
    return np.packbits(np.concatenate(bits, axis=None)).tobytes() if bits else b""


def unpacked_bits(grouping: Grouping) -> Symbols:
    """One byte for each bit of a tensor's classes."""
    width = grouping.num_classes.bit_length() - 1
    shifts = np.arange(width - 1, -1, -1, dtype=np.uint8)
    bits: Symbols = ((grouping.classes[:, None] >> shifts) & np.uint8(1)).astype(np.uint8)
    return bits.ravel()
