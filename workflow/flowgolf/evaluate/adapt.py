"""Training on text that has been scored (docs/spec/evaluation.md, E6 to E8)."""

import math
from typing import Any

import numpy as np
import torch

from flowgolf import named
from flowgolf.evaluate.method import TTTMethod
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


DIVERGED = 2.0
"""Times the loss of a model that knows nothing, ln(vocabulary), from which on a training has gone astray: the soft cap
of the logits keeps losses finite whatever becomes of the weights."""


class Adapter:
    """Trains what a method says; its optimiser's state carries over from chunk to chunk, unless the method resets."""

    def __init__(self, gpt: GPT, settings: LegalTTTSettings) -> None:
        """Let the weights train that the method names; ValueError for a method that cannot, or that names none."""
        self.gpt, self.settings = gpt, settings
        kind = named.named_class("TTT method", settings.method) if settings.method else TTTMethod
        self.method: TTTMethod = kind(gpt, settings)
        self.weights = trained_weights(gpt, self.method)
        self.first = [weight.detach().clone() for weight in self.weights] if kind.resets != TTTMethod.resets else []
        """The artifact's weights, where the method may ask for them again."""
        self.device = device_of(gpt)
        self.generator = torch.Generator(self.device).manual_seed(settings.seed)
        compiled = self.device.type == "cuda" if settings.compile is None else settings.compile
        self.compiled_loss = (
            torch.compile(gpt.training_loss, fullgraph=True, dynamic=False) if compiled else gpt.training_loss
        )
        self.regular = (min(settings.batch_seqs, settings.chunk_tokens // settings.seq_len), settings.seq_len)
        """Rows and their length in the steps that go through compiled code: most, or all, have these."""
        self.diverged_at = DIVERGED * math.log(gpt.settings.vocab_size)
        self.optimizer = self.method.optimizer(self.weights)

    def train(self, stream: TokenStream, begin: int, end: int, rate: float, ledger: Ledger) -> None:
        """Train on positions `[begin, end)` at learning rate `rate`; the ledger is asked before each step."""
        self.gpt.train()
        due = self.method.resets(begin // self.settings.chunk_tokens)
        for rows in self.method.rows(begin, end, stream):
            self._check(rows)
            ledger.update(rows)
            if due:
                self._begin_again()
                due = False
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self._step(stream, rows)
        self.gpt.eval()

    def _check(self, rows: list[Segment]) -> None:
        """ValueError for rows that make no batch."""
        lengths = sorted({end - start for start, end in rows})
        if len(lengths) != 1:
            raise ValueError(
                f"evaluate.legal_ttt.method {self.settings.method}: a step has rows of one length, at least one row; "
                f"found {'rows of ' + ', '.join(map(str, lengths)) if rows else 'none'}"
            )

    def _begin_again(self) -> None:
        """The artifact's weights, and an optimiser that has seen nothing."""
        with torch.no_grad():
            for weight, first in zip(self.weights, self.first, strict=True):
                weight.copy_(first)
        self.optimizer = self.method.optimizer(self.weights)

    def _step(self, stream: TokenStream, rows: list[Segment]) -> None:
        """One step on rows of one length; FloatingPointError where the training has diverged."""
        read = np.stack([stream.read(start, end - start + 1) for start, end in rows])
        tokens = torch.from_numpy(read.astype(np.int64)).to(self.device)
        inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()  # (rows, length)
        auxiliary = self.settings.aux_loss
        draws = self.gpt.draws(inputs, self.generator) if auxiliary else None
        training_loss = self.compiled_loss if inputs.shape == self.regular else self.gpt.training_loss
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


def trained_weights(gpt: GPT, method: TTTMethod) -> list[torch.nn.Parameter]:
    """Freeze what does not train and return the other weights, in the model's order; ValueError for none."""
    for name, weight in gpt.named_parameters():
        weight.requires_grad_(method.trains(name, weight))
    found = [weight for weight in gpt.parameters() if weight.requires_grad]
    if not found:
        raise ValueError(f"evaluate.legal_ttt.method {method.settings.method}: trains none of the artifact's weights")
    return found
