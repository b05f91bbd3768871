"""The yardstick of the training loop: steps written from docs/spec/training.md with library operations alone.

Nothing of `flowgolf.train` is used: groups by name, AdamW, Muon, clipping, average, schedules, batches and draws are
written again, one tensor at a time. tests/train/test_plain_training.py holds the trainer to it.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import plain_model
import torch
from torch import Tensor
from torch.nn import functional as F

from flowgolf.model.gpt import GPT
from flowgolf.train.settings import TrainSettings

EMBEDDINGS = ("tok_emb.weight", "lm_head.weight", "bigram.embed.weight", "ve_shared.embed.weight")


class Step(NamedTuple):
    """What one step of the plain loop came to."""

    train_loss: float
    cfm_loss: float
    grad_norm: float
    rate: float
    momentum: float


def plain_training(gpt: GPT, settings: TrainSettings, tokens: np.ndarray, seed: int) -> Iterator[Step]:
    """Train `gpt` in place on an endless repetition of `tokens` (n,); its average is left in `gpt.average` by name."""
    weights = dict(gpt.named_parameters())
    average = {name: weight.detach().clone() for name, weight in weights.items()}
    state: dict[str, dict[str, Tensor]] = {name: {} for name in weights}
    for step in range(settings.steps):
        rate, momentum = rate_of(settings, step), momentum_of(settings, step)
        loss, auxiliary = gradient(gpt, settings, tokens, seed, step)
        norm = clip(weights, settings.grad_clip_norm)
        for name, weight in weights.items():
            update(name, weight, state[name], settings, step, rate, momentum)
        for name, weight in weights.items():
            average[name] = settings.ema_decay * average[name] + (1 - settings.ema_decay) * weight.detach()
        gpt.average = average
        yield Step(loss, auxiliary, norm, rate, momentum)


def rate_of(settings: TrainSettings, step: int) -> float:
    """T5."""
    left = settings.steps - step
    return 1.0 if left > settings.warmdown_steps else left / settings.warmdown_steps


def momentum_of(settings: TrainSettings, step: int) -> float:
    """T3."""
    share = min(step / settings.muon_momentum_warmup_steps, 1.0)
    return settings.muon_momentum_start * (1 - share) + settings.muon_momentum * share


def gradient(gpt: GPT, settings: TrainSettings, tokens: np.ndarray, seed: int, step: int) -> tuple[float, float]:
    """Leave the mean gradient of the micro-batches (T1); returns mean cross-entropy and mean flow-matching loss."""
    gpt.zero_grad(set_to_none=True)
    length, seq_len = settings.batch_tokens // settings.micro_batches, gpt.settings.seq_len
    totals = np.zeros(2)
    for index in range(settings.micro_batches):
        begin = (step * settings.micro_batches + index) * (length + 1)
        span = torch.from_numpy(tokens[np.arange(begin, begin + length + 1) % len(tokens)].astype(np.int64))
        inputs, targets = span[:-1].view(-1, seq_len), span[1:].view(-1, seq_len)
        generator = torch.Generator().manual_seed((seed * 2**44 + step * 2**12 + index) % 2**63)  # T9
        x = plain_model.hidden(gpt, inputs)
        flow, auxiliary = flow_matching(gpt.native_flow, x, generator)
        logits = plain_model.head(gpt, x + flow)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        both = (loss + gpt.settings.flow_matcher.loss_weight * auxiliary) / settings.micro_batches
        torch.autograd.backward(both)
        totals += np.array([loss.item(), auxiliary.item()]) / settings.micro_batches
    return float(totals[0]), float(totals[1])


def flow_matching(flow: Any, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The correction of the hidden state x (batch, time, dim), and the loss of the velocity (M11)."""
    dim = x.shape[-1]

    def velocity(at: Tensor, t: Tensor) -> Tensor:
        frequencies = torch.tensor([10000.0 ** (-i / max(dim // 2 - 1, 1)) for i in range(dim // 2)])
        angles = t[..., None] * frequencies
        features = torch.cat((torch.sin(angles), torch.cos(angles)), dim=-1)
        return flow.v_out(F.gelu(flow.v_in(at) + F.gelu(flow.time_proj[0](features))))

    t = torch.rand(x.shape[:2], generator=generator)
    noise = torch.randn(x.shape, generator=generator)
    fixed = x.detach()
    between = (1 - t[..., None]) * noise + t[..., None] * fixed
    loss = ((velocity(between, t) - (fixed - noise)) ** 2).mean()
    return torch.sigmoid(flow.gate) * velocity(x, torch.ones(x.shape[:2])), loss


def clip(weights: Mapping[str, Tensor], limit: float) -> float:
    """T7; returns the norm before."""
    gradients = [weight.grad for weight in weights.values() if weight.grad is not None]
    norm = math.sqrt(sum(float((gradient.double() ** 2).sum()) for gradient in gradients))
    if norm + 1e-6 > limit:
        for each in gradients:
            each.mul_(limit / (norm + 1e-6))
    return norm


def group_of(name: str, weight: Tensor) -> str:
    """T2: matrix, embedding or scalar, by name and shape."""
    if name in EMBEDDINGS:
        return "embedding"
    inside = name.startswith("blocks.") and "attn_gate" not in name and "resid_mix" not in name
    return "matrix" if weight.ndim == 2 and (inside or name == "bigram.proj.weight") else "scalar"


@torch.no_grad()
def update(
    name: str,
    weight: Tensor,
    state: dict[str, Tensor],
    settings: TrainSettings,
    step: int,
    rate: float,
    momentum: float,
) -> None:
    """One weight by its group's optimiser, rate and decay (T2, T3)."""
    if weight.grad is None:
        return
    group = group_of(name, weight)
    lr = rate * getattr(settings, f"{group}_lr")
    own = getattr(settings, f"{group}_decay")
    weight *= 1 - lr * (settings.weight_decay if own is None else own)
    if group == "matrix":
        state["buffer"] = momentum * state.get("buffer", torch.zeros_like(weight)) + weight.grad
        direction = newton_schulz(weight.grad + momentum * state["buffer"])
        weight -= lr * math.sqrt(max(1.0, weight.shape[0] / weight.shape[1])) * direction
        return
    beta1, beta2 = settings.adam_beta1, settings.adam_beta2
    state["first"] = beta1 * state.get("first", torch.zeros_like(weight)) + (1 - beta1) * weight.grad
    state["second"] = beta2 * state.get("second", torch.zeros_like(weight)) + (1 - beta2) * weight.grad**2
    first = state["first"] / (1 - beta1 ** (step + 1))
    second = state["second"] / (1 - beta2 ** (step + 1))
    weight -= lr * first / (second.sqrt() + settings.adam_eps)


def newton_schulz(u: Tensor) -> Tensor:
    """T4."""
    if u.shape[0] > u.shape[1]:
        return newton_schulz(u.T).T
    x = u / (u.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return x
