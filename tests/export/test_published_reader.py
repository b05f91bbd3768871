"""Reader of the published `.int6.ptz`, against files made as the published script makes them."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import zstandard

from flowgolf.export import published
from flowgolf.export.published import load_published
from flowgolf.export.quantize import dequantize, quantize_int8, quantize_rows


def publish(path: Path, content: object) -> Path:
    """zstd of a torch pickle."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(zstandard.ZstdCompressor(level=16).compress(buffer.getvalue()))
    return path


@pytest.fixture
def content() -> dict[str, Any]:
    """A tensor of each kind that the published script stores."""
    generator = torch.Generator().manual_seed(0)
    matrix, vector = torch.randn(6, 8, generator=generator), torch.randn(9, generator=generator)
    (q6, scale6), (q8, scale8) = quantize_rows(matrix, 6), quantize_int8(matrix)
    stored = {"gate": vector.half(), "blocks.0.mlp.fc.weight.q": q6, "blocks.0.mlp.fc.weight.scale": scale6}
    stored |= {"tok_emb.weight.q": q8, "tok_emb.weight.scale": scale8}
    stored |= {"bias.q": torch.arange(4, dtype=torch.int8), "bias.scale": torch.tensor(0.5)}
    kinds = {"gate": "passthrough", "blocks.0.mlp.fc.weight": {"type": "int6"}, "tok_emb.weight": {"type": "int8"}}
    return {"w": stored, "m": kinds | {"bias": {"type": "int8"}}}


def test_every_kind_of_tensor_is_read(content: dict[str, Any], tmp_path: Path) -> None:
    tensors, stored = load_published(publish(tmp_path / "model.int6.ptz", content)), content["w"]
    for name in ("blocks.0.mlp.fc.weight", "tok_emb.weight"):
        assert torch.equal(tensors[name], dequantize(stored[f"{name}.q"], stored[f"{name}.scale"]))
    assert torch.equal(tensors["gate"], stored["gate"].float())
    assert torch.equal(tensors["bias"], torch.tensor([0.0, 0.5, 1.0, 1.5]))


class Harmful:
    """A pickle that would run code."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_a_pickle_that_runs_code_is_refused_and_runs_none(content: dict[str, Any], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = publish(tmp_path / "harmful.ptz", {**content, "x": Harmful(trace)})
    with pytest.raises(ValueError, match=r"harmful\.ptz: not a pickle of tensors \(UnpicklingError\)"):
        load_published(path)
    assert not trace.exists()


def test_files_of_another_kind_are_refused(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.ptz"
    path.write_bytes(b"plain text")
    with pytest.raises(ValueError, match=r"other\.ptz: not a zstd file"):
        load_published(path)
    with pytest.raises(ValueError, match=r"other\.ptz: expected a pickle with the keys 'w' and 'm'"):
        load_published(publish(path, {"w": {}}))
    with pytest.raises(ValueError, match="gate is declared in 'm' and not stored in 'w'"):
        load_published(publish(path, {"w": {}, "m": {"gate": "passthrough"}}))
    content["w"]["tok_emb.weight.scale"] = torch.ones(5)
    with pytest.raises(ValueError, match=re.escape("tok_emb.weight has integers of shape [6, 8] and scales of [5]")):
        load_published(publish(path, content))
    monkeypatch.setattr(published, "MAX_PICKLE_BYTES", 100)
    with pytest.raises(ValueError, match="unpacks to more than 100 bytes"):
        load_published(path)
