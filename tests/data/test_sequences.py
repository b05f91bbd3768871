"""The shuffled order: each sequence once a pass, fresh cuts, equal chances, a function of the seed alone."""

import numpy as np
import pytest

from flowgolf.data.sequences import ShuffledSequences
from flowgolf.data.shards import Shards, write_shard

LENGTHS = (50, 9, 33, 10, 5)
"""With sequences of 8 and 1 tokens the second shard holds exactly one, the last none."""


@pytest.fixture
def shards(tmp_path):
    """Each token tells its shard and its place there."""
    for index, length in enumerate(LENGTHS):
        write_shard(tmp_path / f"{index}.bin", (100 * index + np.arange(length)).astype(np.uint16))
    return Shards([tmp_path / f"{index}.bin" for index in range(len(LENGTHS))])


def passes(order, count):
    """The drawn sequences of the first passes, each an array (sequences, 9)."""
    read = []
    for number in range(count):
        before = sum(map(len, read))
        order.read(before, 1)
        read.append(order.read(before, order._ends[number] - before))
    return read


def test_a_pass_draws_every_sequence_of_its_cut_once(shards):
    for drawn in passes(ShuffledSequences(shards, 8, seed=3), 5):
        assert (np.diff(drawn.astype(int), axis=1) == 1).all()  # consecutive tokens of one shard
        for index, length in enumerate(LENGTHS):
            starts = np.sort(drawn[drawn[:, 0] // 100 == index, 0] % 100)
            phase = starts[0] if len(starts) else 0
            assert phase <= max(min(7, length - 9), 0)
            assert starts.tolist() == list(
                range(phase, length - 8, 8)
            )  # every one, the last token of one the next's first


def test_phases_are_uniform_and_fresh_every_pass(shards):
    order = ShuffledSequences(shards, 8, seed=0)
    phases = np.array([order._phases(number)[1] for number in range(4000)])
    counts = np.bincount(phases[:, 0], minlength=8)
    assert len(counts) == 8 and (abs(counts - 500) < 5 * np.sqrt(500)).all()
    assert np.bincount(phases[:, 3]).tolist() == pytest.approx([2000, 2000], abs=5 * np.sqrt(1000))
    assert set(phases[:, 1]) == set(phases[:, 4]) == {0}


def test_each_place_in_a_pass_has_each_shard_as_often_as_it_has_sequences(shards):
    firsts = [ShuffledSequences(shards, 8, seed).read(0, 3)[:, 0] // 100 for seed in range(1500)]
    for place in range(3):
        share = np.bincount([first[place] for first in firsts], minlength=4) / 1500
        sequences = np.array([5.75, 1, 3.875, 1])  # mean over the phases: (49 - p) // 8 and (32 - p) // 8
        assert share == pytest.approx(sequences / sequences.sum(), abs=0.05)


def test_the_order_is_the_seeds_and_does_not_depend_on_how_it_is_read(shards):
    whole = ShuffledSequences(shards, 8, seed=5).read(0, 40)
    other = ShuffledSequences(shards, 8, seed=5)
    for start in (36, 0, 4, 32, 8, 12, 16, 20, 24, 28):
        assert np.array_equal(other.read(start, 4), whole[start : start + 4])
    assert not np.array_equal(whole, ShuffledSequences(shards, 8, seed=6).read(0, 40))
    assert not np.array_equal(whole[:11], whole[11:22])


def test_shards_without_a_whole_sequence_are_refused(shards):
    message = (
        r"0\.bin: order shuffled needs a training shard of at least seq_len \+ 1 = 51 tokens, the longest holds 50"
    )
    with pytest.raises(ValueError, match=message):
        ShuffledSequences(shards, 50, seed=0)
