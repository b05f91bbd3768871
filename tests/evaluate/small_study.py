"""A study on disk that is small enough to evaluate in a second: text, tokens, an artifact of random weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flowgolf.data.settings import SplitEveryKth, TextData, TokenizerSettings
from flowgolf.data.tokenizer import tokenizer
from flowgolf.data.tokens import tokens
from flowgolf.evaluate.settings import LegalTTTSettings, SlidingSettings
from flowgolf.export.artifact import export
from flowgolf.export.settings import ExportSettings
from flowgolf.model.checkpoint import save_weights
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings

VOCAB_SIZE = 300
SEQ_LEN = 32
WORDS = ("river", "stone", "the", "a", "of", "light", "walks", "under", "naïve", "“so”", "7", "1848", "–", "green")
MODEL: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE, "seq_len": SEQ_LEN, "layers": 3, "dim": 16, "heads": 2, "kv_heads": 1, "mlp_ratio": 2,
    "rope_dims": 4, "xsa_layers": 3, "bigram": {"buckets": 32, "dim": 8}, "flow_matcher": {"hidden_dim": 8},
}  # fmt: skip


@dataclass(frozen=True)
class SmallStudy:
    """Paths of a small study."""

    folder: Path
    data_json: Path
    artifact: Path

    def sliding(self, **changes: Any) -> SlidingSettings:
        """Settings of its sliding evaluation."""
        return SlidingSettings(**{"seq_len": SEQ_LEN, "stride": 12, "batch_windows": 8, **changes})

    def legal_ttt(self, **changes: Any) -> LegalTTTSettings:
        """Settings of its legal TTT."""
        values = {"seq_len": SEQ_LEN, "stride": 12, "batch_windows": 8, "chunk_tokens": 100, "batch_seqs": 2}
        values |= {"epochs": 2, "lr": 0.05, "freeze_blocks": 1, "save_every_chunks": 2}
        return LegalTTTSettings(**{**values, **changes})


def small_study(folder: Path) -> SmallStudy:
    """Make the data and the artifact in `folder`."""
    return SmallStudy(folder, make_data(folder / "data"), make_artifact(folder / "artifact.bin"))


def make_data(folder: Path, num_documents: int = 40, vocab_size: int = VOCAB_SIZE) -> Path:
    """Tokenized made-up documents, every fourth of them validation; returns data.json."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(20, 60)).tolist()) for _ in range(num_documents)]
    folder.mkdir(parents=True)
    (folder / "text.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    settings = TextData(
        paths=[str(folder / "text.jsonl")],
        split=SplitEveryKth(k=4),
        tokenizer=TokenizerSettings(vocab_size=vocab_size, character_coverage=1.0),
    )
    tokenizer(settings, folder / "tokenizer.model")
    tokens(settings, folder / "tokenizer.model", folder / "data.json", folder / "shards", folder / "state")
    return folder / "data.json"


def make_artifact(path: Path, seed: int = 0, **changes: Any) -> Path:
    """The artifact of a model with random weights."""
    settings = ModelSettings.model_validate({**MODEL, **changes})
    gpt = GPT(settings)
    gpt.init_weights(seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in gpt.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.1)
    checkpoint = path.with_suffix(".safetensors")
    save_weights(checkpoint, gpt)
    export(checkpoint, ExportSettings(passthrough_max_elements=200, code_bytes=0), path, path.with_suffix(".json"))
    return path
