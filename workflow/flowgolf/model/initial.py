"""Initial weights: one random stream per parameter, so that a part on or off leaves all others alike.

Starts of every parameter: docs/spec/model.md, M16 to M19.
"""

import hashlib
import math

import torch
from torch import Tensor, nn

ORTHOGONAL_MIN_SIDE = 64  # docs/spec/model.md, M17


class Streams:
    """Random streams of one module: each is seeded from (seed, module name, parameter name)."""

    def __init__(self, seed: int, prefix: str) -> None:
        """`prefix` is the module's name in the model."""
        self.seed, self.prefix = seed, prefix

    def __call__(self, name: str) -> torch.Generator:
        """A fresh CPU generator for the module's parameter `name`."""
        digest = hashlib.sha256(f"{self.seed}/{self.prefix}.{name}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal_(weight: Tensor, generator: torch.Generator, std: float) -> None:
    """Fill with normal values; drawn on the CPU, so that every device starts alike."""
    weight.copy_(torch.empty(weight.shape).normal_(0.0, std, generator=generator))


def orthogonal_(weight: Tensor, generator: torch.Generator) -> None:
    """Fill with an orthogonal matrix, gain 1."""
    weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape), generator=generator))


def linear_(weight: Tensor, generator: torch.Generator, divisor: float = 1.0) -> None:
    """The start of a linear weight (out, in) by the rule (docs/spec/model.md, M17), divided by `divisor`.

    Orthogonal if both sides are at least 64, else torch's start of a linear layer: uniform within 1/sqrt(in).
    """
    if min(weight.shape) >= ORTHOGONAL_MIN_SIDE:
        orthogonal_(weight, generator)
    else:
        bound = 1 / math.sqrt(weight.shape[1])
        weight.copy_(torch.empty(weight.shape).uniform_(-bound, bound, generator=generator))
    weight.div_(divisor)


def chosen_(weight: Tensor, generator: torch.Generator, init: str) -> None:
    """A start that a setting chooses: `orthogonal` at any size, or `normal` with std 0.01."""
    if init == "orthogonal":
        orthogonal_(weight, generator)
    else:
        normal_(weight, generator, 0.01)
