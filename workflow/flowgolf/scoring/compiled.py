"""The scoring forward pass through torch.compile, held to the plain one (docs/spec/evaluation.md, E13)."""

from threading import Lock

import torch
from torch import Tensor

from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.precision import device_of, precision_on

TOLERANCE = {"float32": 1e-5, "bfloat16": 0.1}
"""Largest difference of one position's nats; in bfloat16 both passes round their products, in other places."""


class CompiledLosses:
    """`GPT.token_losses` of batches of one shape; the first batch is also computed plainly and compared."""

    def __init__(self, gpt: GPT) -> None:
        """Nothing is compiled before the first call."""
        self.plain = gpt.token_losses
        self.compiled = torch.compile(gpt.token_losses, dynamic=False)
        self.lock, self.called = Lock(), False

    def __call__(self, input_ids: Tensor, target_ids: Tensor, last: int) -> Tensor:
        """As `GPT.token_losses`, from any thread; IllegalEvaluationError if the first batch differs."""
        nats: Tensor
        with self.lock:  # the others wait while the first one compiles
            first, self.called = not self.called, True
            if first:
                nats = self.compiled(input_ids, target_ids, last=last)
        if first:
            check_same(nats, self.plain(input_ids, target_ids, last=last))
        else:
            nats = self.compiled(input_ids, target_ids, last=last)
        return nats


def compiled_losses(gpt: GPT, asked: bool | None) -> CompiledLosses | None:
    """The compiled forward pass where it is asked for, or left open (None) and the model is on a GPU."""
    on = device_of(gpt).type == "cuda" if asked is None else asked
    return CompiledLosses(gpt) if on else None


def check_same(compiled: Tensor, plain: Tensor) -> None:
    """Refuse nats of compiled code that differ from the plain ones beyond rounding."""
    deviation, allowed = float((compiled - plain).abs().max()), TOLERANCE[precision_on(plain.device)]
    if not deviation <= allowed:
        raise IllegalEvaluationError(
            f"the compiled forward pass differs from the plain one by {deviation:.1e} nats at one position, "
            f"{allowed:.1e} is allowed: set compile: false"
        )
