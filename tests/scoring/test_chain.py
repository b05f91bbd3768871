"""A digest sees every bit of weights, buffers and loose tensors, and their order; a chain sees every change."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from flowgolf.scoring.chain import Chain, digest, multilinear
from flowgolf.scoring.ledger import IllegalEvaluationError


def model() -> nn.Module:
    """A few tensors of several kinds."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 3), nn.BatchNorm1d(3))
    made.loose = torch.zeros(2, dtype=torch.bfloat16)
    return made


def exchange_rows(it: nn.Module) -> None:
    """The same bits in another order."""
    it[0].weight.data[[1, 2]] = it[0].weight.data[[2, 1]]


def exchange_matrices(it: nn.Module) -> None:
    """Two rows of different tensors exchanged."""
    it[0].weight.data[0], it[1].weight.data[0] = it[1].weight.data[0].clone(), it[0].weight.data[0].clone()


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "last bit": lambda it: it[1].bias.data.view(torch.int32).bitwise_xor_(torch.tensor([0, 0, 1], dtype=torch.int32)),
    "rows exchanged": exchange_rows,
    "rows of two matrices exchanged": exchange_matrices,
    "a buffer": lambda it: it[2].running_mean.add_(1),
    "a new buffer": lambda it: it.register_buffer("memory", torch.zeros(3), persistent=False),
    "a loose tensor": lambda it: it.loose.add_(1),
    "a shape": lambda it: setattr(it[0], "weight", nn.Parameter(it[0].weight.data.view(8, 3))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_seen_and_told(name: str) -> None:
    it = model()
    chain = Chain(it)
    chain.require(it, "never")
    CHANGES[name](it)
    with pytest.raises(IllegalEvaluationError, match="rule 18, chain of weights: the weights changed at noon"):
        chain.require(it, "at noon")
    chain.add(it)
    chain.require(it, "never")
    assert (chain.length, chain.proof()["links"]) == (2, 2)
    assert chain.first != chain.last


def test_links_tell_the_order_of_updates() -> None:
    chains = [Chain(model()) for _ in range(2)]
    for chain, factors in zip(chains, ((2, 3), (3, 2)), strict=True):
        it = model()
        for factor in factors:
            it[1].weight.data.mul_(factor)
            chain.add(it)
    assert chains[0].first == chains[1].first
    assert chains[0].link != chains[1].link


def test_on_a_cpu_a_digest_depends_on_no_key() -> None:
    assert digest(model(), 1) == digest(model(), 2)


def test_the_hash_of_the_device_sees_bits_order_and_key() -> None:
    data = torch.arange(4099, dtype=torch.int64).view(torch.uint8)[:-3]
    found = multilinear(data, 5)
    assert found == multilinear(data.clone(), 5) and len(found) == 2
    for place in (0, 1000, len(data) - 1):
        changed = data.clone()
        changed[place] ^= 1
        assert multilinear(changed, 5) != found
    assert multilinear(data.flip(0), 5) != found
    assert multilinear(data, 6) != found


def test_the_hash_of_the_device_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    data = torch.arange(4096, dtype=torch.int32).view(torch.uint8)
    expected = multilinear(data, 5)
    monkeypatch.setattr("flowgolf.scoring.chain.PIECE_WORDS", 4096)
    assert multilinear(data, 5) == expected


def test_a_restored_chain_refuses_other_weights() -> None:
    it = model()
    state = Chain(it).state()
    other = Chain(it)
    other.restore(state, it)
    it[1].bias.data.add_(1)
    with pytest.raises(IllegalEvaluationError, match="changed between saving and going on"):
        other.restore(state, it)
