"""Paired bootstrap over documents from kept losses."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from flowgolf.evaluate.bootstrap import bootstrap, document_differences, paired_bootstrap
from flowgolf.evaluate.nats import write_nats
from flowgolf.evaluate.trials import TokenArray
from flowgolf.files import read_json

NUM_DOCUMENTS = 30
DOCUMENT_TOKENS = 40


class OneByte:
    """A byte table in which every token but BOS is one byte."""

    def count(self, previous_ids: np.ndarray, ids: np.ndarray) -> np.ndarray:
        return (ids != 1).astype(np.int64)


def keep(path: Path, nats: np.ndarray, num_documents: int = NUM_DOCUMENTS) -> Path:
    tokens = np.full(num_documents * DOCUMENT_TOKENS, 7, np.uint16)
    tokens[::DOCUMENT_TOKENS] = 1
    write_nats(path, nats.astype(np.float32), OneByte(), TokenArray(tokens), 0, 1)
    return path


@pytest.fixture
def losses() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, size=NUM_DOCUMENTS * DOCUMENT_TOKENS - 1)


def test_a_constant_difference_is_found_exactly(tmp_path: Path, losses: np.ndarray) -> None:
    found = paired_bootstrap(keep(tmp_path / "a.npz", losses), keep(tmp_path / "b.npz", losses - 0.125), 500)
    positions, num_bytes = len(losses), NUM_DOCUMENTS * (DOCUMENT_TOKENS - 1)
    assert found.difference_bpb == pytest.approx(-0.125 * positions / num_bytes / math.log(2), rel=1e-4)
    assert found.low == pytest.approx(found.high, rel=1e-2)
    assert (found.num_documents, found.share_below_zero) == (NUM_DOCUMENTS, 1.0)


def test_the_interval_covers_zero_for_arms_that_do_not_differ(tmp_path: Path, losses: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(0, 0.5, len(losses))
    first, second = keep(tmp_path / "a.npz", losses), keep(tmp_path / "b.npz", losses + noise - noise.mean())
    found = paired_bootstrap(first, second, 2000)
    assert found.low < 0 < found.high
    per_document = np.add.reduceat(noise, range(0, len(noise), DOCUMENT_TOKENS))
    expected = 2 * 1.96 * per_document.std() / math.sqrt(NUM_DOCUMENTS) / (DOCUMENT_TOKENS - 1) / math.log(2)
    assert found.high - found.low == pytest.approx(expected, rel=0.15)
    assert found == paired_bootstrap(first, second, 2000)


def test_the_same_losses_are_never_below_themselves(tmp_path: Path, losses: np.ndarray) -> None:
    found = paired_bootstrap(keep(tmp_path / "a.npz", losses), keep(tmp_path / "b.npz", losses), 100)
    assert (found.difference_bpb, found.low, found.high, found.share_below_zero) == (0, 0, 0, 0)


def test_a_document_counts_by_its_bytes_and_the_interval_is_that_of_the_resamples(tmp_path: Path) -> None:
    """Document d loses d nats: against every sum over the documents drawn, one resample after the other."""
    losses = np.zeros(NUM_DOCUMENTS * DOCUMENT_TOKENS - 1)
    gained = losses.copy()
    gained[2::DOCUMENT_TOKENS] = np.arange(NUM_DOCUMENTS)
    first, second = keep(tmp_path / "a.npz", losses), keep(tmp_path / "b.npz", gained)
    found = paired_bootstrap(first, second, 150, confidence=0.8, seed=3)
    drawn = np.random.default_rng(3).integers(0, NUM_DOCUMENTS, size=(150, NUM_DOCUMENTS))
    bits = [sum(map(int, each)) / NUM_DOCUMENTS / (DOCUMENT_TOKENS - 1) / math.log(2) for each in drawn]
    assert (found.low, found.high) == pytest.approx((np.quantile(bits, 0.1), np.quantile(bits, 0.9)))
    assert found.confidence == 0.8


def test_documents_are_cut_at_their_first_token(tmp_path: Path, losses: np.ndarray) -> None:
    second = losses.copy()
    second[DOCUMENT_TOKENS - 1] += 1.0  # the position that predicts the second document's BOS
    nats, num_bytes = document_differences(keep(tmp_path / "a.npz", losses), keep(tmp_path / "b.npz", second))
    assert np.flatnonzero(nats).tolist() == [1]
    assert set(num_bytes) == {DOCUMENT_TOKENS - 1}


def test_losses_of_another_text_are_refused(tmp_path: Path, losses: np.ndarray) -> None:
    first = keep(tmp_path / "a.npz", losses)
    second = keep(tmp_path / "b.npz", losses[: 3 * DOCUMENT_TOKENS - 1], num_documents=3)
    with pytest.raises(ValueError, match="b.npz: bytes differs from .*a.npz, so the two are not of the same text"):
        paired_bootstrap(first, second)


def test_planted_few_documents_get_no_interval(tmp_path: Path, losses: np.ndarray) -> None:
    first = keep(tmp_path / "a.npz", losses[: 29 * DOCUMENT_TOKENS - 1], num_documents=29)
    second = keep(tmp_path / "b.npz", losses[: 29 * DOCUMENT_TOKENS - 1] - 0.125, num_documents=29)
    with pytest.raises(ValueError, match=r"a.npz: The bootstrap .* rest on 29 of them and is not offered below 30: "):
        paired_bootstrap(first, second)
    bootstrap({"sliding seed 42": (tmp_path / "a.json", tmp_path / "b.json")}, tmp_path / "bootstrap.json")
    record = read_json(tmp_path / "bootstrap.json")
    assert record["comparisons"] == {}
    assert record["not_offered"].startswith("The bootstrap over documents would rest on 29 of them and is not offered")


def test_pairs_of_results_are_compared_by_name(tmp_path: Path, losses: np.ndarray) -> None:
    keep(tmp_path / "a.npz", losses)
    keep(tmp_path / "b.npz", losses - 0.125)
    bootstrap({"sliding seed 42": (tmp_path / "a.json", tmp_path / "b.json")}, tmp_path / "bootstrap.json")
    comparison = read_json(tmp_path / "bootstrap.json")["comparisons"]["sliding seed 42"]
    assert comparison["high"] < 0
    asked = {"num_resamples": 10_000, "confidence": 0.95, "seed": 0}  # docs/spec/evaluation.md, E12
    assert comparison == asdict(paired_bootstrap(tmp_path / "a.npz", tmp_path / "b.npz", **asked))
    assert comparison["num_documents"] == NUM_DOCUMENTS
    assert read_json(tmp_path / "bootstrap.json")["not_offered"] is None


def test_results_without_kept_losses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a.json: no losses of positions beside it; set keep_nats: true"):
        bootstrap({"sliding seed 42": (tmp_path / "a.json", tmp_path / "b.json")}, tmp_path / "bootstrap.json")
