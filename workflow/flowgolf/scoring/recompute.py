"""Figures computed again where a record is read; imports no torch (rule 20 of docs/spec/legality.md)."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

RELATIVE = 1e-12
"""Largest relative difference between a figure and the same one computed again from the same sums."""


class FigureError(ValueError):
    """A record whose figures do not follow from one another."""


def recompute(record: Mapping[str, Any], where: str | Path, nats_path: str | Path | None = None) -> None:
    """Compute loss and bits per byte again from nats, tokens and bytes, and those from the kept nats of positions.

    `where` names the record in errors; without `nats_path`, or where that file is not there, only the record itself is
    looked at. A roundtrip in the record is looked at too. FigureError for a figure that is not what it follows from.
    """
    check_figures(record, where)
    if record.get("roundtrip"):
        check_figures(record["roundtrip"], f"{where}: roundtrip")
    if nats_path is not None and Path(nats_path).exists():
        check_kept(record, where, nats_path)


def check_figures(record: Mapping[str, Any], where: str | Path) -> None:
    """Hold loss and bpb against nats, tokens and bytes."""
    nats, tokens, num_bytes = (record[key] for key in ("nats", "tokens", "bytes"))
    if not (tokens > 0 and num_bytes > 0):
        raise FigureError(f"{where}: rule 20: {tokens} tokens and {num_bytes} bytes were scored, which gives no figure")
    for key, value in (("loss", nats / tokens), ("bpb", nats / math.log(2) / num_bytes)):
        if not math.isclose(record[key], value, rel_tol=RELATIVE):
            raise FigureError(f"{where}: rule 20: {key} is {record[key]!r}, its nats, tokens and bytes give {value!r}")


def check_kept(record: Mapping[str, Any], where: str | Path, nats_path: str | Path) -> None:
    """Hold nats, tokens and bytes against the nats of positions that were kept."""
    with np.load(nats_path) as kept:
        sums = {
            "tokens": len(kept["nats"]),
            "bytes": int(kept["bytes"].sum(dtype=np.int64)),
            "nats": float(kept["nats"].sum(dtype=np.float64)),
        }
    for key, value in sums.items():
        if not math.isclose(record[key], value, rel_tol=RELATIVE):
            raise FigureError(f"{where}: rule 20: {key} is {record[key]!r}, {Path(nats_path).name} gives {value!r}")
