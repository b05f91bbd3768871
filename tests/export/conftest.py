"""A small checkpoint with every kind of tensor, and files made from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flowgolf.export.artifact import export
from flowgolf.export.comparison import codec_records
from flowgolf.export.kinds import ATTENTION, MLP
from flowgolf.export.settings import ExportSettings
from flowgolf.model import weights_file
from flowgolf.model.roles import Stored, to_text

NUM_LAYERS = 3
CONTROLS = ("skip_weights", "native_flow.gate", "smear.gate")
LABELS = {"attn": ATTENTION, "mlp": MLP}
MODEL = {"layers": NUM_LAYERS, "dim": 16, "vocab_size": 32}


def stored(name: str) -> Stored:
    """What a model with these tensors would say of one."""
    if name.startswith("blocks."):
        _, block, label, *_ = name.split(".")
        return Stored("block", LABELS[label], int(block))
    return Stored("control" if name in CONTROLS else "int8", name.partition(".")[0], None)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    """State dict of three blocks of width 16; with a limit of 40 elements all five kinds of storage occur."""
    generator = torch.Generator().manual_seed(5)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.4

    tensors = {"tok_emb.weight": random(32, 16), "skip_weights": random(3, 16), "native_flow.gate": torch.tensor(-5.0)}
    tensors |= {"native_flow.v_in.bias": random(48), "ttt_refiner.W1": random(2, 8, 8), "smear.gate": random(16)}
    for block in range(NUM_LAYERS):
        matrices = {"attn.c_q": (16, 16), "attn.proj": (16, 16), "mlp.fc": (48, 16), "mlp.proj": (16, 48)}
        tensors |= {f"blocks.{block}.{name}.weight": random(*shape) for name, shape in matrices.items()}
    return tensors


@pytest.fixture
def save(tmp_path: Path) -> Callable[[dict[str, Tensor]], Path]:
    """Write a checkpoint as training leaves it."""

    def write(tensors: dict[str, Tensor]) -> Path:
        path = tmp_path / "model.safetensors"
        weights_file.save(path, tensors, to_text(MODEL, {name: stored(name) for name in tensors}))
        return path

    return write


@pytest.fixture
def run_export(tmp_path: Path, save: Callable[[dict[str, Tensor]], Path]) -> Callable[..., tuple[dict[str, Any], Path]]:
    """Export weights with a limit of 40 elements and no code; gives the record and the artifact."""

    def run(
        tensors: dict[str, Tensor], matched_plan_path: Path | None = None, compare: bool = False, **settings: Any
    ) -> tuple[dict[str, Any], Path]:
        chosen = ExportSettings(**{"passthrough_max_elements": 40, "code_bytes": 0, **settings})
        artifact = tmp_path / "artifact.bin"
        more = codec_records if compare else None
        record = export(save(tensors), chosen, artifact, tmp_path / "export.json", matched_plan_path, compare=more)
        return record, artifact

    return run
