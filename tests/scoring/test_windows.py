"""Segments cover every position once, with one window length, however they are batched and shared out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgolf.scoring.windows import Segment, Windows


@st.composite
def some_windows(draw: st.DrawFn) -> Windows:
    seq_len = draw(st.integers(1, 40))
    return Windows(draw(st.integers(seq_len, 300)), seq_len, draw(st.integers(1, seq_len)))


@given(some_windows())
def test_segments_cover_each_position_once_with_the_longest_context(windows: Windows) -> None:
    segments = [windows[index] for index in range(len(windows))]
    assert segments[0] == Segment(0, windows.seq_len)
    assert [position for start, end in segments for position in range(start, end)] == list(range(windows.num_positions))
    assert {end - start for start, end in segments[1:-1]} <= {windows.stride}
    assert all(end >= windows.seq_len for _, end in segments)


@given(some_windows(), st.integers(1, 50))
def test_chunks_share_out_the_segments_by_their_first_position(windows: Windows, chunk: int) -> None:
    ranges = [windows.starting_in(begin, begin + chunk) for begin in range(0, windows.num_positions, chunk)]
    assert [index for indices in ranges for index in indices] == list(range(len(windows)))
    for begin, indices in zip(range(0, windows.num_positions, chunk), ranges, strict=True):
        assert all(begin <= windows[index].start < begin + chunk for index in indices)


@given(some_windows(), st.integers(1, 9), st.data())
def test_shards_change_no_batch(windows: Windows, batch: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, -(-len(windows) // batch)))
    together = list(windows.batches(range(len(windows)), batch))
    shards = [windows.shard(index, count, batch) for index in range(count)]
    assert all(len(indices) > 0 for indices in shards)
    assert [part for indices in shards for part in windows.batches(indices, batch)] == together
    assert all(len(part) <= batch and len({end - start for start, end in part}) == 1 for part in together)


@pytest.mark.parametrize(("together", "expected"), [
    (2, [[(0, 8)], [(8, 12)], [(12, 16), (16, 20)], [(20, 23)]]),
    (3, [[(0, 8)], [(8, 12), (12, 16)], [(16, 20)], [(20, 23)]]),
    (9, [[(0, 8)], [(8, 12), (12, 16), (16, 20)], [(20, 23)]]),
])  # fmt: skip
def test_a_batch_is_as_long_as_lengths_and_cuts_allow(together: int, expected: list[list[Segment]]) -> None:
    assert list(Windows(23, 8, 4).batches(range(5), together)) == expected


def test_a_stream_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="there are 63 positions to score, fewer than one window of 64"):
        Windows(63, 64, 8)


def test_a_segment_beyond_the_last_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="segment 2 of 2"):
        Windows(12, 8, 4)[2]


def test_a_shard_that_does_not_exist_is_refused() -> None:
    windows = Windows(100, 10, 5)
    for index in (-1, 3, 4):
        with pytest.raises(ValueError, match=f"shard {index} of 3: shards are counted from 0 to 2"):
            windows.shard(index, 3, 4)
    with pytest.raises(ValueError, match="6 shards are more than the 5 batches of windows"):
        windows.shard(0, 6, 4)
