"""The order in which integers reach the entropy coder: lines of like spread side by side, one byte a symbol.

A line is a row or a column of the matrix. Lines are split into classes of equal size by their sum of squares; the
coder gives each class its own statistics, so that a quiet row is not coded with the table of a loud one. The class of
each line is stored in log2(classes) bits; lines keep their order inside a class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Symbols = NDArray[np.uint8]


@dataclass(frozen=True)
class Grouping:
    """Which lines are coded together."""

    axis: int
    """0: lines are rows, 1: lines are columns."""
    num_classes: int
    """Power of two."""
    classes: Symbols
    """Class of each line (lines,)."""

    def group_lines(self) -> list[int]:
        """Number of lines in each class."""
        return [int(lines) for lines in np.bincount(self.classes, minlength=self.num_classes)]


def restore(flat: Symbols, shape: tuple[int, int], grouping: Grouping) -> Symbols:
    """Undo `arrange`: the classes one after another back to (rows, columns)."""
    lines_shape = shape if grouping.axis == 0 else shape[::-1]
    lines = np.empty(lines_shape, dtype=np.uint8)
    lines[np.argsort(grouping.classes, kind="stable")] = flat.reshape(lines_shape)
    return lines if grouping.axis == 0 else np.ascontiguousarray(lines.T)


def unpack_classes(data: bytes, layouts: list[tuple[int, int, int]]) -> list[Grouping]:
    """Undo `pack_classes` for (axis, num_classes, lines) of each tensor; a wrong length is a ValueError."""
    widths = [num_classes.bit_length() - 1 for _, num_classes, _ in layouts]
    total_bits = sum(width * lines for width, (_, _, lines) in zip(widths, layouts, strict=True))
    if len(data) != (total_bits + 7) // 8:
        raise ValueError(f"class plane of {len(data)} bytes where {total_bits} bits are declared")
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))
    groupings, start = [], 0
    for width, (axis, num_classes, lines) in zip(widths, layouts, strict=True):
        part = bits[start : start + width * lines].reshape(lines, width)
        start += width * lines
        weights = 1 << np.arange(width - 1, -1, -1)
        groupings.append(Grouping(axis, num_classes, (part @ weights).astype(np.uint8)))
    return groupings
