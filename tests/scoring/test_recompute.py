"""Figures of a record follow from its sums, and its sums from the nats that were kept."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowgolf.scoring.recompute import FigureError, recompute


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """A record with a roundtrip, and the nats it comes from beside it."""
    nats = np.random.default_rng(0).random(50).astype(np.float32)
    num_bytes = np.full(50, 3, np.uint16)
    np.savez(tmp_path / "it.npz", nats=nats, bytes=num_bytes)
    total = float(nats.sum(dtype=np.float64))
    figures = {"nats": total, "tokens": 50, "bytes": 150, "loss": total / 50, "bpb": total / math.log(2) / 150}
    return {**figures, "roundtrip": dict(figures)}


def test_an_honest_record_passes(record: dict[str, Any], tmp_path: Path) -> None:
    recompute(record, "it.json", tmp_path / "it.npz")
    recompute({**record, "roundtrip": None}, "it.json", tmp_path / "nowhere.npz")


@pytest.mark.parametrize("key", ["bpb", "loss", "nats", "tokens", "bytes"])
@pytest.mark.parametrize("place", ["", "roundtrip"])
def test_an_edited_figure_is_told(record: dict[str, Any], key: str, place: str) -> None:
    edited = record[place] if place else record
    edited[key] = edited[key] + 1
    where = r"it\.json: roundtrip" if place else r"it\.json"
    with pytest.raises(FigureError, match=rf"^{where}: rule 20: (loss|bpb) is .*, its nats, tokens and bytes give"):
        recompute(record, "it.json")


def test_figures_that_agree_with_one_another_but_not_with_the_kept_nats_are_told(
    record: dict[str, Any], tmp_path: Path
) -> None:
    for key in ("nats", "loss", "bpb"):
        record[key] *= 0.9
    with pytest.raises(FigureError, match=r"it\.json: rule 20: nats is .*, it\.npz gives"):
        recompute(record, "it.json", tmp_path / "it.npz")


def test_nothing_scored_gives_no_figure(record: dict[str, Any]) -> None:
    with pytest.raises(FigureError, match="rule 20: 0 tokens and 150 bytes were scored, which gives no figure"):
        recompute({**record, "tokens": 0}, "it.json")
