"""A tiny data set and tiny settings on which a training takes a moment."""

import json

import numpy as np
import pytest
import sentencepiece as spm

from flowgolf.data.shards import write_shard
from flowgolf.files import sha256
from flowgolf.model.settings import ModelSettings
from flowgolf.train.settings import TrainSettings

VOCAB = 320


@pytest.fixture(scope="session")
def data_json(tmp_path_factory):
    """A data.json over two training shards and one validation shard of pseudo-random but structured tokens."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    text = "\n".join(" ".join(rng.choice(["ship", "shape", "shore", "sure", "sea", "seen"], 9)) for _ in range(200))
    (folder / "text.txt").write_text(text)
    spm.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=VOCAB, model_type="bpe",
        byte_fallback=True, pad_id=0, bos_id=1, eos_id=2, unk_id=3, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    processor = spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ids = np.array(processor.encode(text), dtype=np.uint16)
    pieces = {"train": [ids[:900], ids[900:1500]], "validation": [ids[1500:1900]]}
    record = {
        part: {"shards": [shard(folder, f"{part}{index}.bin", tokens) for index, tokens in enumerate(shards)]}
        for part, shards in pieces.items()
    }
    record["tokenizer"] = {
        "path": "tokenizer.model",
        "vocab_size": processor.vocab_size(),
        "sha256": sha256(folder / "tokenizer.model"),
    }
    for part in record.values():
        if "shards" in part:
            part["tokens"] = sum(each["tokens"] for each in part["shards"])
    (folder / "data.json").write_text(json.dumps(record))
    return folder / "data.json"


def shard(folder, name, tokens):
    write_shard(folder / name, tokens)
    return {"path": name, "tokens": len(tokens), "sha256": sha256(folder / name)}


@pytest.fixture(scope="session")
def vocab_size(data_json):
    return json.loads(data_json.read_text())["tokenizer"]["vocab_size"]


@pytest.fixture
def model_settings(vocab_size):
    """Two narrow blocks with the flow matcher on."""
    return ModelSettings(
        vocab_size=vocab_size, seq_len=16, layers=2, dim=16, heads=2, kv_heads=1, mlp_ratio=2, rope_dims=4,
        xsa_layers=2, bigram={"buckets": 32, "dim": 8}, flow_matcher={"hidden_dim": 8},
    )  # fmt: skip


@pytest.fixture
def settings():
    """Twenty steps of two micro-batches."""
    return TrainSettings(
        steps=20, batch_tokens=64, micro_batches=2, warmdown_steps=8, val_every=5, checkpoint_every=4,
        muon_momentum_warmup_steps=5, ema_decay=0.9,
    )  # fmt: skip
