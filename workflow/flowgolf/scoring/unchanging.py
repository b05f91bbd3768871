"""Proof that no weight changes while positions are scored."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import IllegalEvaluationError


def weights_checksum(gpt: GPT) -> int:
    """Sum of the bit patterns of all weights; changes when a weight does."""
    return sum(int(weight.detach().view(torch.int32).sum(dtype=torch.int64)) for weight in gpt.parameters())


@contextmanager
def unchanging(gpt: GPT) -> Iterator[None]:
    """Scoring takes place inside: weights that change meanwhile raise `IllegalEvaluationError`."""
    before = weights_checksum(gpt)
    yield
    if weights_checksum(gpt) != before:
        raise IllegalEvaluationError("the weights changed while positions were scored")
