"""A chain of digests of a model's weights: who changes one outside a ledgered update is found out (E15).

On a CPU the digest is SHA-256. On a GPU that would cost more than 2 % of an evaluation, so there it is a multilinear
hash (two sums of 32-bit words, each times a random 64-bit key, modulo 2^64, of which the upper halves count) under keys
that come from the operating system when the chain begins: two different states collide with probability 2^-64.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from flowgolf.scoring.ledger import IllegalEvaluationError

PIECE_WORDS = 1 << 24  # 64 MB of weights, with keys and products 320 MB on the device
LANES = 2


def held(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name and tensor of each parameter, each buffer, and each tensor that a module holds as a plain attribute."""
    for name, module in model.named_modules(remove_duplicate=False):
        for kept in (module._parameters, module._buffers, vars(module)):
            yield from ((f"{name}.{key}", value) for key, value in kept.items() if isinstance(value, Tensor))


def digest(model: nn.Module, key: int) -> str:
    """Digest (hex) of all that `held` gives: names, types, shapes and bits, in their order; `key` counts on a GPU."""
    tensors = list(held(model))
    whole = hashlib.sha256(repr([(name, tensor.dtype, tensor.shape) for name, tensor in tensors]).encode())
    flat = [tensor.detach().reshape(-1) for _, tensor in tensors]
    if flat and flat[0].is_cuda:
        whole.update(repr(multilinear(torch.cat([bits.view(torch.uint8) for bits in flat]), key)).encode())
    else:
        for bits in flat:  # one after the other: joined, their copy would cost half as much again
            whole.update((bits.view(torch.uint8) if bits.dtype == torch.bfloat16 else bits).numpy().data)
    return whole.hexdigest()


def multilinear(data: Tensor, key: int) -> list[int]:
    """The upper 32 bits of each lane's sum over bytes (size,), on their device."""
    words = torch.nn.functional.pad(data, (0, -len(data) % 4)).view(torch.int32)
    generator = torch.Generator(data.device).manual_seed(key)
    sums: list[Tensor] = []
    for piece in torch.split(words, PIECE_WORDS):
        shape = (LANES, len(piece))
        keys = torch.randint(-(2**63), 2**63 - 1, shape, dtype=torch.int64, device=data.device, generator=generator)
        sums.append((keys * piece).sum(1))
    total = torch.stack(sums).sum(0) if sums else torch.zeros(LANES, dtype=torch.int64)
    return [int(lane) >> 32 for lane in total.tolist()]


class Chain:
    """Digests of the weights, one after the other: the first as they were read, one more for each ledgered update."""

    def __init__(self, model: nn.Module) -> None:
        """Begin with the weights as they stand."""
        self.key = secrets.randbits(62)
        self.seconds = 0.0
        self.first = self.last = self.digest_of(model)
        self.link = hashlib.sha256(self.first.encode()).hexdigest()
        self.length = 1

    def digest_of(self, model: nn.Module) -> str:
        """Digest of a model's weights under this chain's key."""
        started = time.monotonic()
        found = digest(model, self.key)
        self.seconds += time.monotonic() - started
        return found

    def require(self, model: nn.Module, when: str) -> None:
        """IllegalEvaluationError unless the weights are those of the last link."""
        if self.digest_of(model) != self.last:
            raise IllegalEvaluationError(f"rule 18, chain of weights: the weights changed {when}")

    def add(self, model: nn.Module) -> None:
        """A link for the weights as an update left them."""
        self.last = self.digest_of(model)
        self.link = hashlib.sha256(f"{self.link} {self.last}".encode()).hexdigest()
        self.length += 1

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return dict(vars(self))

    def restore(self, state: dict[str, Any], model: nn.Module) -> None:
        """Go on from a saved chain; IllegalEvaluationError unless the model has the weights of its last link."""
        vars(self).update(state)
        self.require(model, "between saving and going on")

    def proof(self) -> dict[str, Any]:
        """Figures for the evaluation's record; on a CPU the same weights give the same digests everywhere."""
        return {"links": self.length, "first": self.first, "last": self.last, "chain": self.link}
