"""Grouping of lines: nothing is lost, and lines of like spread come together."""

import numpy as np
import pytest

from flowgolf.export.grouping import arrange, best_grouping, entropy_bytes, pack_classes, symbol_entropy_bytes
from flowgolf.export.layout import Grouping, restore, unpack_classes


def mixed_spread(axis: int) -> np.ndarray:
    """Symbols (512, 512) around 32, every other line quiet."""
    generator = np.random.default_rng(3)
    spread = np.where(np.arange(512) % 2, 1.0, 8.0)
    values = generator.normal(size=(512, 512)) * (spread[:, None] if axis == 0 else spread)
    return (np.clip(np.rint(values), -32, 31) + 32).astype(np.uint8)


@pytest.mark.parametrize("axis", [0, 1])
def test_lines_of_like_spread_are_coded_together(axis: int) -> None:
    symbols = mixed_spread(axis)
    grouping = best_grouping(symbols, middle=32)
    groups = arrange(symbols, grouping)
    assert grouping.axis == axis
    assert grouping.num_classes >= 2
    assert sum(map(symbol_entropy_bytes, groups)) < 0.9 * symbol_entropy_bytes(symbols)
    assert np.array_equal(restore(np.concatenate(groups), symbols.shape, grouping), symbols)


def test_equal_lines_stay_in_one_class() -> None:
    symbols = np.random.default_rng(0).integers(0, 64, size=(64, 32), dtype=np.uint8)
    assert best_grouping(symbols, middle=32).num_classes == 1


def test_entropy_of_known_distributions() -> None:
    assert entropy_bytes(np.array([8, 8, 0])) == 2.0
    assert entropy_bytes(np.array([16])) == 0.0
    assert entropy_bytes(np.array([], dtype=np.int64)) == 0.0


def test_classes_of_many_tensors_share_one_run_of_bits() -> None:
    generator = np.random.default_rng(1)
    groupings = [
        Grouping(axis, count, generator.integers(0, count, size=lines, dtype=np.uint8))
        for axis, count, lines in ((0, 4, 5), (1, 1, 7), (0, 16, 3), (1, 2, 9))
    ]
    data = pack_classes(groupings)
    layouts = [(grouping.axis, grouping.num_classes, len(grouping.classes)) for grouping in groupings]
    assert len(data) == (2 * 5 + 0 + 4 * 3 + 9 + 7) // 8
    for before, after in zip(groupings, unpack_classes(data, layouts), strict=True):
        assert (before.axis, before.num_classes) == (after.axis, after.num_classes)
        assert np.array_equal(before.classes, after.classes)
    with pytest.raises(ValueError, match="class plane of 3 bytes where 31 bits are declared"):
        unpack_classes(data[:-1], layouts)
