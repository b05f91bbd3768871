"""Training on text that has been scored (docs/spec/evaluation.md, E6 to E8)."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.precision import device_of, precision
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.windows import Segment


def rate_multiplier(chunk: int, num_chunks: int, warm: bool = True) -> float:
    """Share of the learning rate for `chunk`: a linear warm-up over a twentieth of the chunks, then a half cosine.

    Unless `warm`, the cosine begins with the first chunk.
    """
    warmup = max(num_chunks // 20, 1) if warm else 0
    if chunk < warmup:
        return (chunk + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (chunk - warmup) / max(num_chunks - 1 - warmup, 1)))


def steps(begin: int, end: int, settings: LegalTTTSettings) -> Iterator[list[Segment]]:
    """Rows of each training step on a chunk: `epochs` passes in order; a rest shorter than a row is left out."""
    starts = range(begin, end - settings.seq_len + 1, settings.seq_len)
    rows = [Segment(start, start + settings.seq_len) for start in starts]
    for _ in range(settings.epochs):
        for first in range(0, len(rows), settings.batch_seqs):
            yield rows[first : first + settings.batch_seqs]


DIVERGED = 2.0
"""Times the loss of a model that knows nothing, ln(vocabulary), from which on a training has gone astray: the soft cap
of the logits keeps losses finite whatever becomes of the weights."""


class Adapter:
    """Optimiser of the weights above the frozen blocks; its momentum carries over from chunk to chunk."""

    def __init__(self, gpt: GPT, settings: LegalTTTSettings) -> None:
        """Freeze the first blocks; more than there are is a ValueError."""
        if settings.freeze_blocks > len(gpt.blocks):
            raise ValueError(
                f"freeze_blocks {settings.freeze_blocks} is more than the {len(gpt.blocks)} blocks of the artifact"
            )
        self.gpt, self.settings = gpt, settings
        self.weights = trainable_weights(gpt, settings.freeze_blocks)
        self.device = device_of(gpt)
        self.generator = torch.Generator(self.device).manual_seed(settings.seed)
        compiled = self.device.type == "cuda" if settings.compile is None else settings.compile
        self.compiled_loss = (
            torch.compile(gpt.training_loss, fullgraph=True, dynamic=False) if compiled else gpt.training_loss
        )
        self.regular = min(settings.batch_seqs, settings.chunk_tokens // settings.seq_len)
        """Rows of the steps that go through compiled code: most, or all, have as many."""
        self.diverged_at = DIVERGED * math.log(gpt.settings.vocab_size)
        self.optimizer: torch.optim.Optimizer
        if settings.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(self.weights, lr=settings.lr, momentum=settings.momentum)
        else:
            self.optimizer = torch.optim.AdamW(self.weights, lr=settings.lr, weight_decay=0.0)

    def train(self, stream: TokenStream, begin: int, end: int, rate: float, ledger: Ledger) -> None:
        """Train on positions `[begin, end)` at learning rate `rate`; the ledger is asked before each step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.gpt.train()
        for rows in steps(begin, end, self.settings):
            ledger.update(rows)
            self._step(stream, rows)
        self.gpt.eval()

    def _step(self, stream: TokenStream, rows: list[Segment]) -> None:
        """One step on consecutive rows of seq_len positions; FloatingPointError where the training has diverged."""
        seq_len, start = self.settings.seq_len, rows[0].start
        tokens = torch.from_numpy(stream.read(start, len(rows) * seq_len + 1).astype(np.int64)).to(self.device)
        inputs, targets = tokens[:-1].view(-1, seq_len), tokens[1:].view(-1, seq_len)  # (rows, seq_len)
        auxiliary = self.settings.aux_loss
        draws = self.gpt.draws(inputs, self.generator) if auxiliary else None
        training_loss = self.compiled_loss if len(rows) == self.regular else self.gpt.training_loss
        with precision(self.device):
            loss = training_loss(inputs, targets, draws, auxiliary)
        if not loss.total.item() <= self.diverged_at:
            rate = self.optimizer.param_groups[0]["lr"]
            raise FloatingPointError(f"the training diverges: loss {loss.total.item():.4g} at rate {rate:.4g}")
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss.total)
        torch.nn.utils.clip_grad_norm_(self.weights, self.settings.grad_clip_norm)
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything that a later chunk depends on: weights, momentum, random stream."""
        return {
            "weights": self.gpt.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.gpt.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())


def trainable_weights(gpt: GPT, freeze_blocks: int) -> list[torch.nn.Parameter]:
    """Freeze the first blocks and return the other weights, in the model's order."""
    frozen = {id(weight) for block in list(gpt.blocks)[:freeze_blocks] for weight in block.parameters()}
    for weight in gpt.parameters():
        weight.requires_grad_(id(weight) not in frozen)
    return [weight for weight in gpt.parameters() if weight.requires_grad]
