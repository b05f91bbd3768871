"""All coders: what goes in comes out, bounded, and the range coder's bytes never change."""

import re
from collections.abc import Callable
from pathlib import Path

import brotli
import numpy as np
import pytest
import zstandard

from flowgolf.export.codec import brotli_decompress, zstd_decompress
from flowgolf.export.compress import at_level, brotli_compress, level_pays, literals_only
from flowgolf.export.grouping import symbol_entropy_bytes
from flowgolf.export.range_coder import PRECISION_BITS, range_decompress
from flowgolf.export.range_encode import fixed_precision, range_compress
from flowgolf.export.shuffle import STRIDE, shuffle, unshuffle

SHUFFLED = np.load(Path(__file__).parents[1] / "golden" / "record_byte_shuffle.npz")


def groups() -> list[np.ndarray]:
    """Three groups of bytes: wide, constant, narrow."""
    generator = np.random.default_rng(7)
    wide, narrow = (generator.normal(128, spread, size=30_000).clip(0, 255).astype(np.uint8) for spread in (30, 3))
    return [wide, np.full(1000, 200, np.uint8), narrow]


def damaged(data: bytes, position: int, value: int) -> bytes:
    """`data` with one byte changed."""
    return data[:position] + bytes([value]) + data[position + 1 :]


@pytest.mark.parametrize("compress", [literals_only, lambda parts: at_level(parts, 16)])
def test_zstd_gives_back_what_it_was_given(compress: Callable[[list[np.ndarray]], bytes]) -> None:
    data = np.concatenate(groups()).tobytes()
    assert zstd_decompress(compress(groups()), len(data)) == data
    assert zstd_decompress(b"", 0) == b""


def test_literals_only_lies_near_the_entropy() -> None:
    wide = groups()[0]
    assert len(literals_only([wide])) < 1.015 * symbol_entropy_bytes(wide)


def test_a_level_pays_where_there_are_repeats() -> None:
    generator = np.random.default_rng(0)
    phrases = generator.integers(0, 64, size=(200, 24), dtype=np.uint8)
    assert level_pays([phrases[generator.integers(0, 200, size=2000)].ravel()], level=16)
    assert not level_pays([np.random.default_rng(1).normal(32, 8, size=40_000).astype(np.uint8)], level=16)


def test_zstd_never_unpacks_more_than_was_asked_for() -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(50_000_000))
    with pytest.raises(ValueError, match="zstd stream is damaged"):
        zstd_decompress(bomb, 100)
    with pytest.raises(ValueError, match="stream declares 50000000 bytes where 100 belong"):
        zstd_decompress(zstandard.ZstdCompressor().compress(bytes(50_000_000)), 100)
    with pytest.raises(ValueError, match="stream holds 90 bytes where 100 belong"):
        zstd_decompress(literals_only([np.zeros(90, np.uint8)]), 100)


def test_range_gives_back_what_it_was_given_and_comes_close_to_the_entropy() -> None:
    data = range_compress(groups())
    sizes = [len(group) for group in groups()]
    assert range_decompress(data, sizes) == np.concatenate(groups()).tobytes()
    assert len(data) < 1.01 * sum(map(symbol_entropy_bytes, groups())) + 300


def test_range_bytes_are_fixed_for_good() -> None:
    symbols = np.array([0, 1, 2, 1, 1, 0, 3], np.uint8)
    stored = bytes.fromhex("0003c924ed36a512a512d8d94f2d")
    assert range_compress([symbols]) == stored
    assert range_decompress(stored, [7]) == symbols.tobytes()


def test_an_empty_group_takes_a_table_and_no_words() -> None:
    data = range_compress([np.empty(0, np.uint8)])
    assert range_decompress(data, [0]) == b""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: damaged(data, 0, 255), "damaged frequency table"),
        (lambda data: damaged(data, 4, 130), "damaged frequency table"),
        (lambda data: data[:3], "damaged frequency table"),
        (lambda data: data[:1], "damaged frequency table"),
        (lambda data: data[:-1], "not made of whole words"),
        (lambda data: data + bytes(400), "words after its last symbol"),
    ],
)
def test_a_damaged_range_stream_is_refused(change: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        range_decompress(change(range_compress(groups())), [len(group) for group in groups()])


def test_range_words_that_no_encoder_writes_are_refused() -> None:
    data = range_compress([np.array([0, 1, 2, 1, 1, 0, 3], np.uint8)])
    with pytest.raises(ValueError, match=re.escape("range stream is damaged (Tried to decode")):
        range_decompress(data[:-4] + b"\xff\xff\xff\xff", [100_000])


@pytest.mark.parametrize("counts", [[1], [10**9, 1, 0, 1], [1] * 256, [0, 0], [3] + [0] * 254])
def test_frequencies_sum_to_the_precision_and_are_never_zero(counts: list[int]) -> None:
    frequencies = fixed_precision(np.array(counts))
    assert frequencies.sum() == 2**PRECISION_BITS
    assert frequencies.min() >= 1


def test_the_byte_shuffle_is_that_of_the_record_behind_its_framing() -> None:
    data = SHUFFLED["data"].tobytes()
    assert b"BSHF" + bytes([STRIDE]) + shuffle(data) == SHUFFLED["shuffled"].tobytes()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1001])
def test_a_shuffle_is_undone(count: int) -> None:
    data = np.random.default_rng(count).integers(0, 256, size=count, dtype=np.uint8).tobytes()
    assert unshuffle(shuffle(data)) == data


def test_brotli_gives_back_what_it_was_given_and_comes_close_to_the_entropy() -> None:
    data = np.concatenate(groups()).tobytes()
    stream = brotli_compress(groups())
    assert brotli_decompress(stream, len(data)) == data
    assert len(stream) < 1.02 * sum(map(symbol_entropy_bytes, groups())) + 300


def test_brotli_never_unpacks_more_than_was_asked_for() -> None:
    bomb = brotli.compress(bytes(50_000_000))
    with pytest.raises(ValueError, match=r"brotli stream holds \d{3,5} or more bytes where 100 belong"):
        brotli_decompress(bomb, 100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-3], r"brotli stream ends after \d+ of 61000 bytes"),
        (lambda data: b"", "brotli stream ends after 0 of 61000 bytes"),
        (lambda data: data + b"more", "brotli stream is damaged"),
        (lambda data: b"\xff" * 50, "brotli stream is damaged"),
        (lambda data: brotli.compress(bytes(60_999)), "brotli stream holds 60999 or more bytes where 61000 belong"),
    ],
)
def test_a_damaged_brotli_stream_is_refused(change: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        brotli_decompress(change(brotli_compress(groups())), 61_000)
