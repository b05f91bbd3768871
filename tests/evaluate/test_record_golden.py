"""Sliding and test-time training of the record of 9 April, looping, against its own script's figures.

Its windows are shorter than ours for a short last segment, which is the whole difference (docs/spec/evaluation.md, E3).
"""

import numpy as np
import pytest
import torch

from flowgolf.data.byte_count import ByteTable
from flowgolf.evaluate.adapt import rate_multiplier
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import LegalTTTSettings, SlidingSettings
from flowgolf.evaluate.trials import TokenArray
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.score import total
from flowgolf.scoring.slide import slide

MODEL = {
    "bigram": None, "smear": False, "value_residual": False, "gated_attention": False, "vocab_size": 96, "seq_len": 64,
    "layers": 7, "dim": 32, "heads": 4, "kv_heads": 2, "mlp_ratio": 2, "rope_dims": 4, "xsa_layers": 7, "q_gain": 5.0,
    "skip_gates": True, "parallel_from": 5, "recurrence": {"start": 2, "end": 3, "repeats": 2},
}  # fmt: skip


@pytest.fixture
def arrays(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    with np.load(request.config.rootpath / "tests" / "golden" / "record_ttt.npz") as file:
        return dict(file)


@pytest.fixture
def gpt(arrays: dict[str, np.ndarray]) -> GPT:
    gpt = GPT(ModelSettings(**MODEL))
    gpt.load_state_dict({key[6:]: torch.from_numpy(arrays[key]) for key in arrays if key.startswith("param/")})
    return gpt.eval()


def table_and_stream(arrays: dict[str, np.ndarray]) -> tuple[ByteTable, TokenArray]:
    table = ByteTable(arrays["base_bytes"], arrays["has_leading_space"], arrays["is_boundary"])
    return table, TokenArray(arrays["tokens"])


def test_sliding(arrays: dict[str, np.ndarray], gpt: GPT) -> None:
    table, stream = table_and_stream(arrays)
    nats = slide(gpt, stream, SlidingSettings(seq_len=64, stride=16)).nats
    assert total(nats, table, stream, 0).bpb == pytest.approx(float(arrays["sliding_bpb"]), abs=1e-5)


def test_legal_ttt_without_a_warm_up_of_the_rate(arrays: dict[str, np.ndarray], gpt: GPT) -> None:
    table, stream = table_and_stream(arrays)
    names = ("seq_len", "stride", "chunk_tokens", "epochs", "lr", "momentum", "batch_seqs")
    given = {name: arrays[name].item() for name in names}
    clip = arrays["grad_clip"].item()
    settings = LegalTTTSettings(**given, grad_clip_norm=clip, freeze_blocks=0, lr_warmup=False)
    run = ScoreFirst(gpt, stream, table, settings)
    while not run.finished:
        run.run_chunk()
    assert total(run.nats, table, stream, 0).bpb == pytest.approx(float(arrays["ttt_bpb"]), abs=1e-5)
    weights = dict(gpt.named_parameters())
    finals = [key.removeprefix("final/") for key in arrays if key.startswith("final/")]
    assert len(finals) == 3
    for name in finals:
        np.testing.assert_allclose(weights[name].detach(), arrays[f"final/{name}"], rtol=0, atol=1e-5)


def test_the_rate_without_a_warm_up_is_a_half_cosine_from_the_first_chunk_on() -> None:
    cold = [rate_multiplier(chunk, 5, warm=False) for chunk in range(5)]
    assert cold == pytest.approx([0.5 * (1 + np.cos(np.pi * chunk / 4)) for chunk in range(5)])
    assert [rate_multiplier(chunk, 5) for chunk in (0, 1)] == [1.0, 1.0]
    assert rate_multiplier(0, 1, warm=False) == 1.0
