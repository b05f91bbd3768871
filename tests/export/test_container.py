"""Artifacts of a stranger: signed correctly, and still refused before anything is allocated for them."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from torch import Tensor

from flowgolf.export import container, encode
from flowgolf.export.compress import literals_only
from flowgolf.export.unpack import load

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def artifact(weights: dict[str, Tensor], run_export: Callable[..., tuple[dict[str, Any], Path]]) -> Path:
    """A sound artifact."""
    return run_export(weights)[1]


def signed(raw: bytes, payload: bytes) -> bytes:
    """A file with this header and payload and the right checksum."""
    stored = zstandard.ZstdCompressor().compress(raw)
    return encode.prelude(len(stored), len(raw), stored + payload) + stored + payload


def opened(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header as plain JSON, and payload."""
    header, payload = container.decode(path.read_bytes())
    return json.loads(header.model_dump_json(exclude_defaults=True)), bytes(payload)


def change_header(path: Path, change: Change) -> None:
    """Sign the artifact anew with a changed header."""
    header, payload = opened(path)
    change(header)
    path.write_bytes(signed(json.dumps(header).encode(), payload))


def replace_stream(path: Path, name: str, stream: bytes) -> None:
    """Sign the artifact anew with another stream for a tensor."""
    header, payload = opened(path)
    entries = [entry for entry in header["tensors"] if "span" in entry]
    chosen = next(entry["span"] for entry in entries if entry["name"] == name)
    start, end = chosen["offset"], chosen["offset"] + chosen["size"]
    for span in [entry["span"] for entry in entries] + list(header["planes"].values()):
        span["offset"] += (len(stream) - chosen["size"]) * (span["offset"] > start)
    chosen["size"] = len(stream)
    path.write_bytes(signed(json.dumps(header).encode(), payload[:start] + stream + payload[end:]))


def test_a_file_signed_anew_without_change_is_read(artifact: Path) -> None:
    before = load(artifact).tensors
    change_header(artifact, lambda header: None)
    assert all(tensor.equal(before[name]) for name, tensor in load(artifact).tensors.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a flowgolf artifact"),
        (pickle.dumps({"w": 1}), "not a flowgolf artifact"),
        (container.MAGIC, "truncated: 8 bytes"),
        (struct.pack("<8sHII32s", container.MAGIC, 2, 0, 0, bytes(32)), "artifact version 2, this program reads"),
        (
            struct.pack("<8sHII32s", container.MAGIC, 1, 9, 0, bytes(32)),
            "damaged: the declared header does not fit the file",
        ),
        (
            struct.pack("<8sHII32s", container.MAGIC, 1, 0, 2**31, bytes(32)),
            "damaged: the declared header does not fit",
        ),
        (struct.pack("<8sHII32s", container.MAGIC, 1, 0, 0, bytes(32)), "damaged: the checksum does not match"),
        (signed(b"[" * 100_000, b""), "header: JSON: Invalid JSON"),
        (signed(b"{}", b""), "header: codec: Field required"),
    ],
)
def test_foreign_files_are_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "strange.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"strange\.bin: {message}"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header["tensors"][0].update(shape=[2**60, 2**60]), "impossible shape"),
        (lambda header: header["tensors"][0].update(shape=[-32, -16]), "impossible shape"),
        (lambda header: header["tensors"][0].update(shape=[2**28, 0]), "impossible shape"),
        (lambda header: header["tensors"][0].update(shape=[2**14, 2**14]), "more than the file can hold"),
        (
            lambda header: header["tensors"][0].update(shape=[2**9, 2**9]),
            "belong",
        ),
        (lambda header: header["tensors"][0].update(kind="object"), "kind: Input should be"),
        (lambda header: header["tensors"][0].update(kind="float32"), "a span belongs to integer tensors"),
        (lambda header: header["tensors"].append(header["tensors"][0]), "a tensor is named twice"),
        (lambda header: header["tensors"][0].pop("span"), "a span belongs to integer tensors"),
        (lambda header: header["tensors"][0]["span"].update(offset=3), "do not follow each other"),
        (lambda header: header["planes"].pop("floats"), "do not follow each other"),
        (lambda header: header["planes"]["floats"].update(size=0), "the file has"),
        (lambda header: header.update(run="code"), "run: Extra inputs are not permitted"),
        (lambda header: header.update(symbols_sha256="0"), "the decoded integers differ from those that were stored"),
        (lambda header: header["tensors"][0].update(shape=[16, 31]), "belong"),
        (lambda header: header["tensors"][-1].update(classes=2), "class plane of"),
    ],
)
def test_a_hostile_header_is_refused(change: Change, message: str, artifact: Path) -> None:
    change_header(artifact, change)
    with pytest.raises(ValueError, match=message):
        load(artifact)


def test_a_stream_that_unpacks_to_more_than_its_tensor_is_refused(artifact: Path) -> None:
    replace_stream(
        artifact, "tok_emb.weight", zstandard.ZstdCompressor(write_content_size=False).compress(bytes(10**8))
    )
    with pytest.raises(ValueError, match=r"tok_emb\.weight: zstd stream is damaged"):
        load(artifact)


def test_a_symbol_wider_than_its_tensor_is_refused(artifact: Path) -> None:
    replace_stream(artifact, "blocks.0.attn.c_q.weight", literals_only([np.full(256, 64, np.uint8)]))
    with pytest.raises(ValueError, match=r"blocks\.0\.attn\.c_q\.weight: a symbol outside int6"):
        load(artifact)


@pytest.mark.parametrize(("value", "message"), [(0x00, "a scale is not positive"), (0x7C, "a value is not finite")])
def test_scales_that_no_exporter_writes_are_refused(value: int, message: str, artifact: Path) -> None:
    header, payload = opened(artifact)
    num_rows = sum(np.prod(entry["shape"][:-1]) for entry in header["tensors"] if "span" in entry)
    for plane, byte in (("scales_low", 0), ("scales_high", value)):
        span = header["planes"][plane]
        stored = literals_only([np.full(int(num_rows), byte, np.uint8)])
        end = span["offset"] + span["size"]
        payload = payload[: span["offset"]] + stored + payload[end:]
        for other in header["planes"].values():
            other["offset"] += (len(stored) - span["size"]) * (other["offset"] >= end)
        span["size"] = len(stored)
    artifact.write_bytes(signed(json.dumps(header).encode(), payload))
    with pytest.raises(ValueError, match=message):
        load(artifact)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left": "nowhere"}, r"correction of \S+ lacks a part, or shares one"),
        ({"left": "tok_emb.weight", "right": "tok_emb.weight"}, "lacks a part, or shares one"),
        ({"tensor": "skip_weights"}, "correction of skip_weights is not one of integers and lower rank"),
        ({"rank": 17}, "is not one of integers and lower rank"),
        ({"rank": 2}, r":left has \d+ numbers where \d+ belong"),
        ({"rank": 0}, r"corrections\.0\.rank: Input should be greater than or equal to 1"),
        ({"run": 1}, r"corrections\.0\.run: Extra inputs are not permitted"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(
    change: dict[str, Any],
    message: str,
    weights: dict[str, Tensor],
    run_export: Callable[..., tuple[dict[str, Any], Path]],
) -> None:
    artifact = run_export(weights, lqer_rank=12)[1]
    change_header(artifact, lambda header: header["corrections"][0].update(change))
    with pytest.raises(ValueError, match=message):
        load(artifact)


def test_a_tensor_is_corrected_once(
    weights: dict[str, Tensor], run_export: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    artifact = run_export(weights, lqer_rank=2)[1]
    change_header(artifact, lambda header: header["corrections"].append(header["corrections"][0]))
    with pytest.raises(ValueError, match="lacks a part, or shares one"):
        load(artifact)
