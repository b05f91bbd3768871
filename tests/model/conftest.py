"""Tiny models and reference vectors that the model's tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.head import squashed_logits
from flowgolf.model.settings import ModelSettings

GOLDEN = Path(__file__).parents[1] / "golden"

TINY: dict[str, Any] = {
    "vocab_size": 96,
    "seq_len": 20,
    "layers": 5,
    "dim": 32,
    "heads": 4,
    "kv_heads": 2,
    "rope_dims": 4,
    "xsa_layers": 5,
    "bigram": {"buckets": 64, "dim": 16},
}
TTT_LINEAR = {"heads": 4, "mini_batch": 8}
FLOW_REFINER = {"latent_dim": 8, "hidden_dim": 12}
EVERY_PART: dict[str, Any] = {
    "flow_matcher": {"hidden_dim": 24},
    "flow_refiner": FLOW_REFINER,
    "ttt_linear": TTT_LINEAR,
    "value_embedding": {"dim": 12, "layers": [3, 4]},
    "logit_scale": True,
}
PLAIN = {
    "xsa_layers": 0,
    "value_residual": False,
    "gated_attention": False,
    "ln_scale": False,
    "rope_dims": 8,
    "bigram": None,
}
GOLDEN_SETTINGS: dict[str, dict[str, Any]] = {
    "base": {},
    "xsa2": {"xsa_layers": 2},
    "plain": PLAIN,
    "nfm": {"flow_matcher": {"hidden_dim": 24}},
    "flow_refiner": {"flow_refiner": FLOW_REFINER},
    "ttt_linear": {"ttt_linear": TTT_LINEAR},
    "ttt_linear_flow_refiner": {"ttt_linear": TTT_LINEAR, "flow_refiner": FLOW_REFINER},
    "value_embedding": {"value_embedding": {"dim": 12, "layers": [3, 4]}},
}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Bits repeat for one thread count only."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., ModelSettings]:
    """Settings of the reference vectors' shapes with some keys changed."""
    return lambda **changes: ModelSettings(**{**TINY, **changes})


@pytest.fixture(scope="session")
def every_part() -> dict[str, Any]:
    """Settings that turn on the parts which are off by default."""
    return EVERY_PART


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """The arrays of a reference file by its stem."""

    def load(stem: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{stem}.npz", allow_pickle=True) as file:
            return dict(file)

    return load


@pytest.fixture(scope="session")
def golden_gpt(
    golden: Callable[[str], dict[str, np.ndarray]], tiny: Callable[..., ModelSettings]
) -> Callable[[str], GPT]:
    """The model of a reference file with its weights."""

    def build(name: str) -> GPT:
        gpt = GPT(tiny(**GOLDEN_SETTINGS[name]))
        arrays = golden(f"model_{name}")
        gpt.load_state_dict({key[6:]: torch.from_numpy(arrays[key]) for key in arrays if key.startswith("param/")})
        return gpt

    return build


@pytest.fixture(scope="session")
def busy_gpt() -> Callable[[ModelSettings], GPT]:
    """A model whose every weight matters: initial weights plus noise, gates half open."""

    def build(settings: ModelSettings) -> GPT:
        gpt = GPT(settings)
        gpt.init_weights(0)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, weight in gpt.named_parameters():
                weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.1)
                if name.endswith(".gate") and weight.ndim == 0:
                    weight.fill_(-0.5)
        return gpt

    return build


@pytest.fixture(scope="session")
def logits_of() -> Callable[..., torch.Tensor]:
    """Logits (batch, time or last, vocab) of a model."""

    def logits(gpt: GPT, input_ids: torch.Tensor, last: int | None = None) -> torch.Tensor:
        weight = gpt.tok_emb.weight if gpt.lm_head is None else gpt.lm_head.weight
        return gpt.settings.softcap * squashed_logits(gpt.hidden(input_ids, last), weight, gpt.settings.softcap)

    return logits


@pytest.fixture(scope="session")
def token_ids() -> Callable[..., torch.Tensor]:
    """Random token ids of a shape."""

    def draw(*shape: int, vocab_size: int = 96, seed: int = 0) -> torch.Tensor:
        return torch.randint(0, vocab_size, shape, generator=torch.Generator().manual_seed(seed))

    return draw
