"""Tiny models and streams that the evaluation tests share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.small_study import SmallStudy, small_study
from flowgolf.data.byte_count import ByteTable
from flowgolf.evaluate.settings import LegalTTTSettings, SlidingSettings
from flowgolf.evaluate.trials import TokenArray
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass
class Golden:
    """One of the evaluation's reference files."""

    vectors: dict[str, np.ndarray]
    gpt: GPT
    stream: TokenArray
    byte_table: ByteTable

    def sliding(self, **changes: Any) -> SlidingSettings:
        """Settings of the reference's sliding evaluation."""
        values = {"seq_len": int(self.vectors["seq_len"]), "stride": int(self.vectors["stride"])}
        return SlidingSettings(**{**values, **changes})

    def legal_ttt(self, **changes: Any) -> LegalTTTSettings:
        """Settings of the reference's legal TTT."""
        names = {"lr": "lr", "momentum": "momentum", "epochs": "epochs", "batch_seqs": "batch_seqs"}
        names |= {"freeze_blocks": "freeze_blocks", "grad_clip_norm": "grad_clip"}
        values = {key: self.vectors[f"ttt_{name}"].item() for key, name in names.items()}
        values |= {key: self.vectors[key].item() for key in ("seq_len", "stride", "chunk_tokens")}
        return LegalTTTSettings(**{**values, **changes})


def golden(name: str) -> Golden:
    """Model, stream and expected figures of `evaluate_<name>.npz`."""
    with np.load(GOLDEN / f"evaluate_{name}.npz", allow_pickle=True) as file:
        vectors = dict(file)
    gpt = GPT(
        ModelSettings(
            vocab_size=96, seq_len=64, layers=5, dim=32, heads=4, kv_heads=2, rope_dims=4, xsa_layers=5,
            bigram={"buckets": 64, "dim": 16},
        )
    )  # fmt: skip
    names = [key.removeprefix("param/") for key in vectors if key.startswith("param/")]
    weights = {name: torch.from_numpy(vectors[f"param/{name}"]) for name in names}
    gpt.load_state_dict(weights, strict=True)
    table = ByteTable(vectors["base_bytes"], vectors["has_leading_space"], vectors["is_boundary"])
    return Golden(vectors, gpt.eval(), TokenArray(vectors["tokens"]), table)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> SmallStudy:
    """Tokens and an artifact on disk."""
    return small_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Bits repeat for one thread count only."""
    torch.set_num_threads(1)


@pytest.fixture
def load_golden() -> Callable[[str], Golden]:
    """Reader of the reference files."""
    return golden


@pytest.fixture
def tiny() -> Golden:
    """The aligned reference, used as a small model with a small stream."""
    return golden("aligned")
