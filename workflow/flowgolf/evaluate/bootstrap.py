"""Whether two arms differ on the same text: a paired bootstrap over documents (docs/spec/evaluation.md, E12)."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowgolf.evaluate.nats import nats_path
from flowgolf.files import write_json

RESAMPLES_AT_ONCE = 64
LEAST_DOCUMENTS = 30
"""Fewer documents give no interval: see `too_few`."""


@dataclass(frozen=True)
class Comparison:
    """Bits per byte of the second arm minus the first, with a percentile interval over resampled documents."""

    difference_bpb: float
    low: float
    high: float
    confidence: float
    num_documents: int
    share_below_zero: float
    """Share of resamples in which the second arm is the better one."""


def paired_bootstrap(
    first_path: str | Path,
    second_path: str | Path,
    num_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two arms by the losses that `keep_nats` left for them.

    Whole documents are drawn with replacement, the same ones for both arms. Raises ValueError when the files do not
    hold the same positions of the same text, or fewer than LEAST_DOCUMENTS documents.
    """
    nats, num_bytes = document_differences(first_path, second_path)
    if len(nats) < LEAST_DOCUMENTS:
        raise ValueError(f"{first_path}: {too_few(len(nats))}")
    rng = np.random.default_rng(seed)
    resampled = np.empty(num_resamples)
    for begin in range(0, num_resamples, RESAMPLES_AT_ONCE):
        size = min(RESAMPLES_AT_ONCE, num_resamples - begin)
        drawn = rng.integers(0, len(nats), size=(size, len(nats)))
        resampled[begin : begin + size] = nats[drawn].sum(1) / num_bytes[drawn].sum(1)
    resampled /= math.log(2)
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Comparison(
        difference_bpb=float(nats.sum() / num_bytes.sum() / math.log(2)),
        low=float(low),
        high=float(high),
        confidence=confidence,
        num_documents=len(nats),
        share_below_zero=float((resampled < 0).mean()),
    )


def document_differences(first_path: str | Path, second_path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Nats of the second arm minus the first, and bytes, both (documents,) float64."""
    with np.load(first_path) as first, np.load(second_path) as second:
        for key in ("first_position", "bytes", "starts_document"):
            if not np.array_equal(first[key], second[key]):
                raise ValueError(f"{second_path}: {key} differs from {first_path}, so the two are not of the same text")
        difference = second["nats"].astype(np.float64) - first["nats"]
        document = np.cumsum(first["starts_document"]) - int(first["starts_document"][0])  # (positions,) from 0
        num_documents = int(document[-1]) + 1
        num_bytes = np.bincount(document, weights=first["bytes"], minlength=num_documents)
        return np.bincount(document, weights=difference, minlength=num_documents), num_bytes


def too_few(num_documents: int) -> str:
    """Say why a bootstrap over so few documents is not offered."""
    return (
        f"The bootstrap over documents would rest on {num_documents} of them and is not offered below "
        f"{LEAST_DOCUMENTS}: the few that are drawn again and again vary less than the text that they stand for, so "
        "the interval would be too narrow and miss the true difference more often than it says."
    )


def bootstrap(pairs: Mapping[str, tuple[str | Path, str | Path]], record_path: str | Path) -> None:
    """Rule `bootstrap`: compare pairs of results (first arm, second arm), by name; write a Comparison of each.

    Below LEAST_DOCUMENTS documents the record has none, and says why (`not_offered`). ValueError when a result was
    made without `keep_nats`.
    """
    comparisons: dict[str, dict[str, Any]] = {}
    not_offered = None
    for name, results in pairs.items():
        first, second = map(nats_path, results)
        for path, result in zip((first, second), results, strict=True):
            if not path.exists():
                raise ValueError(f"{result}: no losses of positions beside it; set keep_nats: true for this evaluation")
        num_documents = len(document_differences(first, second)[0])
        if num_documents < LEAST_DOCUMENTS:
            not_offered = too_few(num_documents)
        else:
            comparisons[name] = asdict(paired_bootstrap(first, second))
    write_json(record_path, {"comparisons": comparisons, "not_offered": not_offered})
