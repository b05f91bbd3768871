import math

import numpy as np
import pytest
import torch

from flowgolf.data.byte_count import ByteTable
from flowgolf.scoring.roundtrip import roundtrip
from flowgolf.scoring.score import Score


class Stream:
    def __init__(self, tokens):
        self.tokens = tokens

    def __len__(self):
        return len(self.tokens)

    def read(self, start, count):
        assert 0 <= start <= start + count <= len(self.tokens)
        return self.tokens[start : start + count]


@pytest.fixture(scope="module")
def gpt(tiny, busy_gpt):
    return busy_gpt(tiny())


@pytest.fixture(scope="module")
def byte_table():
    random = np.random.default_rng(0)
    return ByteTable(random.integers(1, 6, 96), random.random(96) < 0.4, random.random(96) < 0.1)


@pytest.fixture(scope="module")
def tokens():
    return np.random.default_rng(1).integers(0, 96, 131).astype(np.uint16)


def by_hand(gpt, tokens, table):
    """One window at a time."""
    nats = num_bytes = 0
    for start in range(0, len(tokens) - 1, 20):
        ids = torch.from_numpy(tokens[start : start + 21].astype(np.int64))
        with torch.no_grad():
            nats += gpt.token_losses(ids[None, :-1], ids[None, 1:]).double().sum().item()
    for previous, token in zip(tokens[:-1], tokens[1:], strict=True):
        num_bytes += table.piece_bytes[token] + (table.leading_space[token] and not table.boundary[previous])
    return nats, num_bytes


@pytest.mark.parametrize("count", [2, 20, 21, 41, 131])
@pytest.mark.parametrize("batch_windows", [1, 4, 32])
def test_each_position_once_with_a_ragged_tail(count, batch_windows, gpt, byte_table, tokens):
    score = roundtrip(gpt, Stream(tokens[:count]), byte_table, batch_windows)
    nats, num_bytes = by_hand(gpt, tokens[:count], byte_table)
    assert (score.tokens, score.bytes) == (count - 1, num_bytes)
    assert score.nats == pytest.approx(nats, abs=1e-5 * count)


@pytest.mark.parametrize("limit", [1, 20, 45, 1000])
def test_a_limit_scores_the_beginning(limit, gpt, byte_table, tokens):
    limited = roundtrip(gpt, Stream(tokens), byte_table, max_positions=limit)
    cut = roundtrip(gpt, Stream(tokens[: limit + 1]), byte_table)
    assert limited == cut


def test_figures_of_a_score():
    score = Score(nats=8 * math.log(2), tokens=4, bytes=16)
    assert score.loss == pytest.approx(2 * math.log(2))
    assert score.bpb == pytest.approx(0.5)


def test_nothing_to_score(gpt, byte_table, tokens):
    with pytest.raises(ValueError, match="validation stream has 1 tokens, at least 2 are needed"):
        roundtrip(gpt, Stream(tokens[:1]), byte_table)
