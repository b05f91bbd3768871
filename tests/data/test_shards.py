"""The challenge's binary format, read as a stream, and what is said about damaged files."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowgolf.data.shards import HEADER_BYTES, Shards, write_shard

COUNT = 50


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Tokens 0 to 49."""
    path = tmp_path / "fineweb_train_000000.bin"
    write_shard(path, np.arange(COUNT, dtype=np.uint16))
    return path


@pytest.fixture(scope="module")
def three_shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Tokens 0 to 29 over shards of 7, 0, 13 and 10."""
    folder = tmp_path_factory.mktemp("three")
    paths = [folder / f"{index}.bin" for index in range(4)]
    for path, tokens in zip(paths, np.split(np.arange(30, dtype=np.uint16), [7, 7, 20]), strict=True):
        write_shard(path, tokens)
    return paths


def test_a_shard_is_the_challenges_format_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "shard.bin"
    write_shard(path, np.array([1, 258, 65535], dtype=np.uint16))
    expected = struct.pack("<256i", 20240520, 1, 3, *[0] * 253) + b"\x01\x00\x02\x01\xff\xff"
    assert path.read_bytes() == expected


def test_a_file_of_the_challenge_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shard.bin"
    path.write_bytes(struct.pack("<256i", 20240520, 1, 2, *[0] * 253) + struct.pack("<2H", 7, 1023))
    assert Shards([path], 1024).read(0, 2).tolist() == [7, 1023]


@given(start=st.integers(0, 30), count=st.integers(0, 30))
def test_reading_crosses_shard_borders(three_shards: list[Path], start: int, count: int) -> None:
    shards = Shards(three_shards)
    count = min(count, 30 - start)
    assert shards.read(start, count).tolist() == list(range(start, start + count))


@given(position=st.integers(0, 200), count=st.integers(0, 100))
def test_the_endless_stream_wraps_around(three_shards: list[Path], position: int, count: int) -> None:
    found = Shards(three_shards).read_wrapping(position, count)
    assert found.dtype == np.uint16
    assert found.tolist() == [(position + step) % 30 for step in range(count)]


def test_nothing_read_can_change_the_file(shard: Path) -> None:
    before = shard.read_bytes()
    shards = Shards([shard])
    shards.read(0, COUNT)[:] = 9
    assert shards.read(0, 3).tolist() == [0, 1, 2]
    assert shard.read_bytes() == before


@pytest.mark.parametrize(("start", "count"), [(-1, 2), (49, 2), (0, 51), (3, -1)])
def test_reading_past_an_end_is_an_error(shard: Path, start: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"tokens {start} to {start + count} asked of a stream of 50 tokens"):
        Shards([shard]).read(start, count)


def test_an_endless_stream_of_nothing_is_an_error(tmp_path: Path) -> None:
    write_shard(tmp_path / "empty.bin", np.empty(0, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"empty\.bin: an endless stream needs at least one token"):
        Shards([tmp_path / "empty.bin"]).read_wrapping(0, 4)


def test_a_stream_needs_a_shard() -> None:
    with pytest.raises(ValueError, match="at least one shard, none given"):
        Shards([])


def test_other_arrays_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.bin: a shard holds a flat uint16 array, not int64 of shape \(2,\)"):
        write_shard(tmp_path / "x.bin", np.zeros(2, dtype=np.int64))
    with pytest.raises(ValueError, match=r"x\.bin: a shard holds at most 100000000 tokens, not 100000001"):
        write_shard(tmp_path / "x.bin", np.broadcast_to(np.uint16(0), 100_000_001))
    assert not (tmp_path / "x.bin").exists()


def header_field(place: int, value: int) -> Callable[[bytes], bytes]:
    """Damage: another value in one field of the header."""
    return lambda content: content[: 4 * place] + struct.pack("<i", value) + content[4 * place + 4 :]


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "a shard starts with 1024 bytes of header, found 0 bytes in all"),
    "short header": (lambda content: content[:1000], "1024 bytes of header, found 1000 bytes in all"),
    "no tokens": (lambda content: content[:1024], "truncated: 1124 bytes expected for 50 tokens, found 1024"),
    "truncated": (lambda content: content[:-2], "truncated: 1124 bytes expected for 50 tokens, found 1122"),
    "half a token": (lambda content: content[:-1], "truncated: 1124 bytes expected for 50 tokens, found 1123"),
    "too long": (lambda content: content + b"\0\0", "too long: 1124 bytes expected for 50 tokens, found 1126"),
    "magic": (header_field(0, 20240521), "not a shard: magic number 20240520 expected at offset 0, found 20240521"),
    "text": (lambda content: b"x" * 2000, "not a shard: magic number 20240520 expected at offset 0, found 2021161080"),
    "version": (header_field(1, 2), "shard version 1 expected at offset 4, found 2"),
    "negative count": (header_field(2, -5), "token count of 0 to 100000000 expected at offset 8, found -5"),
    "huge count": (header_field(2, 2**31 - 1), "token count of 0 to 100000000 expected at offset 8, found 2147483647"),
    "other count": (header_field(2, 49), "too long: 1122 bytes expected for 49 tokens, found 1124"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_in_one_sentence(shard: Path, damage: str) -> None:
    change, message = DAMAGE[damage]
    shard.write_bytes(change(shard.read_bytes()))
    with pytest.raises(ValueError) as failure:
        Shards([shard])
    assert str(failure.value).startswith(f"{shard}: ")
    assert message in str(failure.value)


def test_a_missing_shard_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.bin: shard not readable \(No such file or directory\)"):
        Shards([tmp_path / "gone.bin"])
    with pytest.raises(ValueError, match="shard not readable"):
        Shards([tmp_path])


def test_a_token_beyond_the_vocabulary_is_told_with_its_offset(tmp_path: Path) -> None:
    paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
    write_shard(paths[0], np.zeros(10, dtype=np.uint16))
    write_shard(paths[1], np.array([0, 1, 2, 1024, 5], dtype=np.uint16))
    shards = Shards(paths, vocab_size=1024)
    assert shards.read(0, 13).tolist() == [0] * 10 + [0, 1, 2]
    message = rf"b\.bin: token 1024 at offset {HEADER_BYTES + 6} is beyond the vocabulary of 1024"
    with pytest.raises(ValueError, match=message):
        shards.read(11, 4)
    with pytest.raises(ValueError, match=message):
        shards.read_wrapping(11, 8)


@settings(max_examples=300, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 1123), st.integers(0, 255)), max_size=6),
    length=st.one_of(st.just(1124), st.integers(0, 1300)),
)
def test_fuzz_a_damaged_shard_is_refused_by_name_or_reads_as_its_header_says(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int]], length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.bin"
    content = bytearray(struct.pack("<256i", 20240520, 1, COUNT, *[0] * 253) + bytes(2 * COUNT))
    for place, value in edits:
        content[place] = value
    content = (content + bytes(200))[:length]
    path.write_bytes(content)
    try:
        shards = Shards([path], vocab_size=1024)
        found = shards.read(0, len(shards))
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)
    else:
        assert struct.unpack_from("<3i", content) == (20240520, 1, (length - 1024) // 2)
        assert found.astype("<u2").tobytes() == content[1024:]
