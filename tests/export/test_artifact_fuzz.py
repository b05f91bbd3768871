"""Ten thousand damaged files, each refused in one sentence; and damage that carries a right checksum."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import zstandard
from torch import Tensor

from flowgolf.export import container, encode
from flowgolf.export.unpack import load

NUM_DAMAGED = 10_000
NUM_SIGNED = 2_000

EVERY_KIND = {"clip": "spread", "attention_bits": 7, "mlp_bits": 4, "lqer_rank": 2, "plan": {0: 5}}
"""Settings under which every kind of integers occurs, and corrections."""

RunExport = Callable[..., tuple[dict[str, Any], Path]]


def damage(data: bytes, chance: random.Random) -> bytes:
    """One of: bytes changed, a bit flipped, cut short, bytes lost, bytes added, two pieces exchanged."""
    kind, start = chance.randrange(6), chance.randrange(len(data))
    length = chance.randint(1, 16)
    noise = chance.randbytes(length)
    if kind == 0:
        return data[:start] + noise + data[start + length :]
    if kind == 1:
        return data[:start] + bytes([data[start] ^ 1 << chance.randrange(8)]) + data[start + 1 :]
    if kind == 2:
        return data[:start]
    if kind == 3:
        return data[:start] + data[start + length :]
    if kind == 4:
        return data[:start] + noise + data[start:]
    middle = chance.randrange(len(data))
    first, second = sorted((start, middle))
    return data[second:] + data[first:second] + data[:first]


def refusal(path: Path, data: bytes) -> str | None:
    """What `load` says of the bytes; None if it reads them."""
    path.unlink(missing_ok=True)  # a new file: over an old one some file systems wait for the disk
    path.write_bytes(data)
    try:
        load(path)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("settings", [{"plan": {0: 5}}, {**EVERY_KIND, "codec": "brotli"}])
def test_every_damaged_file_is_refused_in_one_sentence(
    settings: dict[str, Any], weights: dict[str, Tensor], run_export: RunExport, tmp_path: Path
) -> None:
    sound = run_export(weights, **settings)[1].read_bytes()
    chance, path, refused = random.Random(0), tmp_path / "damaged.bin", 0
    for _ in range(NUM_DAMAGED):
        data = damage(sound, chance)
        if data == sound:
            continue
        message = refusal(path, data)
        assert message is not None
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        refused += 1
    assert refused > 0.99 * NUM_DAMAGED


@pytest.mark.parametrize("codec", ["zstd", "range", "brotli"])
def test_damage_with_a_right_checksum_never_changes_an_integer(
    codec: str, weights: dict[str, Tensor], run_export: RunExport, tmp_path: Path
) -> None:
    """The header is left alone, so its hash of the integers stands; only float values could differ."""
    sound_path = run_export(weights, codec=codec)[1]
    expected, sound = load(sound_path), sound_path.read_bytes()
    _, _, stored_bytes, raw_bytes, _ = container.PRELUDE.unpack_from(sound)
    payload_start = container.PRELUDE.size + stored_bytes
    header, payload = sound[container.PRELUDE.size : payload_start], sound[payload_start:]
    chance, path = random.Random(1), tmp_path / "damaged.bin"
    for _ in range(NUM_SIGNED):
        body = header + damage(payload, chance)
        message = refusal(path, encode.prelude(stored_bytes, raw_bytes, body) + body)
        if message is None:
            assert same_integers(load(path).tensors, expected.tensors)
        else:
            assert "\n" not in message


def same_integers(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    """Whether matrices agree up to the scale of each row, and every value is finite."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all() or tensor.shape != expected[name].shape:
            return False
        if name.endswith("mlp.fc.weight"):
            ratio = torch.linalg.vector_norm(tensor, dim=1) / torch.linalg.vector_norm(expected[name], dim=1)
            if not torch.allclose(tensor, expected[name] * ratio[:, None], rtol=1e-4):
                return False
    return True


@pytest.mark.parametrize("settings", [{}, EVERY_KIND])
def test_a_damaged_header_with_a_right_checksum_is_refused_or_describes_what_is_read(
    settings: dict[str, Any], weights: dict[str, Tensor], run_export: RunExport, tmp_path: Path
) -> None:
    sound = run_export(weights, **settings)[1].read_bytes()
    _, _, stored_bytes, raw_bytes, _ = container.PRELUDE.unpack_from(sound)
    payload_start = container.PRELUDE.size + stored_bytes
    raw = zstandard.ZstdDecompressor().decompress(sound[container.PRELUDE.size : payload_start])
    chance, path, num_refused = random.Random(2), tmp_path / "damaged.bin", 0
    for _ in range(NUM_SIGNED):
        changed = damage(raw, chance)
        stored = zstandard.ZstdCompressor(level=1).compress(changed)
        body = stored + sound[payload_start:]
        message = refusal(path, encode.prelude(len(stored), len(changed), body) + body)
        if message is None:
            header, _, _ = container.read(path)
            factors = {name for each in header.corrections for name in (each.left, each.right)}
            shapes = {entry.name: tuple(entry.shape) for entry in header.tensors if entry.name not in factors}
            assert {name: tuple(tensor.shape) for name, tensor in load(path).tensors.items()} == shapes
        else:
            num_refused += 1
            assert "\n" not in message
    assert num_refused > 0.8 * NUM_SIGNED
