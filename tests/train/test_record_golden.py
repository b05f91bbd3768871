"""Forty steps of the record of 9 April through the trainer itself, against its own script's (docs/spec/training.md)."""

import numpy as np
import pytest
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.data.shards import write_shard
from flowgolf.files import sha256
from flowgolf.model.settings import ModelSettings
from flowgolf.train.optimisers.muon import COEFFICIENTS, Muon, newton_schulz
from flowgolf.train.schedule import rate_in_share
from flowgolf.train.settings import TrainSettings
from flowgolf.train.trainer import Trainer

MODEL = {
    "bigram": None, "smear": False, "value_residual": False, "gated_attention": False, "vocab_size": 128, "seq_len": 32,
    "layers": 7, "dim": 64, "heads": 4, "kv_heads": 2, "mlp_ratio": 2, "rope_dims": 8, "xsa_layers": 7,
    "q_gain": 5.0, "skip_gates": True, "parallel_from": 5, "recurrence": {"start": 2, "end": 3, "from_fraction": 0.35},
}  # fmt: skip
CHANGED = ("tok_emb.weight", "blocks.0.attn.c_q.weight", "blocks.3.mlp.proj.weight", "skip_gates", "skip_weights")


@pytest.fixture
def golden(request):
    def load(stem):
        with np.load(request.config.rootpath / "tests" / "golden" / f"{stem}.npz") as file:
            return dict(file)

    return load


@pytest.fixture
def trainer(golden, tmp_path):
    """A trainer with the reference's weights, tokens and settings."""
    arrays = golden("record_curve")
    write_shard(tmp_path / "train.bin", arrays["tokens"].astype(np.uint16))
    shard = {"path": "train.bin", "sha256": sha256(tmp_path / "train.bin")}
    data = Dataset({"tokenizer": {"vocab_size": 128}, "train": {"shards": [shard]}}, tmp_path)
    rates = {key: float(arrays[key]) for key in ("matrix_lr", "scalar_lr", "ema_decay")}
    decays = {"matrix": "muon_wd", "embedding": "embed_wd", "scalar": "adam_wd"}
    settings = TrainSettings(
        **rates,
        **{f"{name}_decay": float(arrays[key]) for name, key in decays.items()},
        embedding_lr=float(arrays["embed_lr"]), steps=int(arrays["steps"]), batch_tokens=256, micro_batches=1,
        warmdown_steps=0, warmdown_fraction=float(arrays["warmdown_frac"]), min_rate=float(arrays["min_lr"]),
        muon_row_norm=True,
    )  # fmt: skip
    trainer = Trainer(ModelSettings(**MODEL), settings, "record", 0, data)
    named = {key[5:]: torch.from_numpy(arrays[key]) for key in arrays if key.startswith("init/")}
    trainer.model.load_state_dict(named)
    trainer.ema.load(named)
    return trainer


def test_the_whole_curve(golden, trainer):
    arrays = golden("record_curve")
    rows, looping = [], []
    while not trainer.finished():
        rows.append(trainer.take_step())
        looping.append(trainer.model.looping)
    assert looping == arrays["looping"].tolist()
    np.testing.assert_allclose([row["rate"] for row in rows], arrays["rate_multipliers"], rtol=0, atol=1e-12)
    np.testing.assert_allclose([row["train_loss"] for row in rows], arrays["losses"], rtol=1e-3)
    np.testing.assert_allclose([row["grad_norm"] for row in rows], arrays["grad_norms"], rtol=1e-3)
    weights = dict(trainer.model.named_parameters())
    assert {key[6:] for key in arrays if key.startswith("final/")} == set(CHANGED)
    for name in CHANGED:
        assert near(weights[name].detach(), arrays[f"final/{name}"]), name
        assert near(trainer.ema.weights[name], arrays[f"ema/{name}"]), name


def near(found, expected):
    """Within a thousandth of the largest weight."""
    return abs(found.numpy() - expected).max() < 1e-3 * abs(expected).max()


def test_rates_of_the_reference_are_those_of_the_share(golden):
    arrays = golden("record_curve")
    steps, share, least = int(arrays["steps"]), float(arrays["warmdown_frac"]), float(arrays["min_lr"])
    found = [max(rate_in_share(step / steps, share), least) for step in range(steps)]
    np.testing.assert_allclose(found, arrays["rate_multipliers"], rtol=0, atol=1e-12)


def test_row_normalised_muon(golden):
    arrays = golden("record_muon")
    weights = [torch.nn.Parameter(torch.from_numpy(arrays[f"w0/{index}"])) for index in range(4)]
    settings = {key: float(arrays[key]) for key in ("lr", "momentum", "weight_decay")}
    muon = Muon(weights, **settings, row_norm=True)
    for step in range(3):
        for index, weight in enumerate(weights):
            weight.grad = torch.from_numpy(arrays[f"g{step}/{index}"])
        muon.step()
        for index, weight in enumerate(weights):
            np.testing.assert_allclose(weight.detach(), arrays[f"w{step + 1}/{index}"], rtol=0, atol=1e-5)


def test_five_triples(golden):
    arrays = golden("record_polar")
    assert np.array_equal(arrays["coefficients"], COEFFICIENTS["polar"])
    for index in range(3):
        given = torch.from_numpy(arrays[f"in/{index}"])
        tall = given.shape[0] > given.shape[1]
        found = newton_schulz(given.T[None] if tall else given[None], COEFFICIENTS["polar"])[0]
        np.testing.assert_allclose(found.T if tall else found, arrays[f"out/{index}"], rtol=0, atol=1e-5)


def test_both_reach_the_optimiser_by_their_settings():
    weights = [torch.nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))) for seed in (0, 0)]
    gradient = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)) * torch.tensor([[1.0], [9], [0], [3]])
    settings = TrainSettings(muon_row_norm=True, muon_coefficients="polar", weight_decay=0.0, matrix_lr=1.0)
    group = {"params": weights[:1], "lr": 1.0, "weight_decay": 0.0}
    muon = Muon.of([group], settings, lambda function, batch: function(batch))
    start = weights[0].detach().clone()
    weights[0].grad = gradient
    muon.step()
    rows = gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-7)
    expected = start - newton_schulz(rows[None], COEFFICIENTS["polar"])[0]
    torch.testing.assert_close(weights[0].detach(), expected)
