"""Losses in pieces and their gradients against the whole, by autograd."""

import pytest
import torch
from torch.nn import functional as F

from flowgolf.model import head
from flowgolf.model.head import MeanLoss, head_losses


@pytest.fixture(params=[1, 96 * 5, 1 << 17])
def pieces(request, monkeypatch):
    monkeypatch.setitem(head.PIECE_LOGITS, "cpu", request.param)


@pytest.mark.usefixtures("pieces")
def test_pieces_give_what_the_whole_gives():
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(rows, 32, generator=generator, requires_grad=True) for rows in (17, 96))
    targets = torch.randint(0, 96, (17,), generator=generator)
    expected = F.cross_entropy(4.0 * torch.tanh(x @ weight.T / 4.0), targets, reduction="none")
    nats, _, _ = head_losses(x, weight, targets, 4.0, gradients=False)
    torch.testing.assert_close(nats, expected, rtol=0, atol=1e-5)
    loss = MeanLoss.apply(x, weight, targets, 4.0)
    assert loss.item() == nats.mean(dtype=torch.float64).float().item()
    gradients = torch.autograd.grad(3 * loss, (x, weight))
    for ours, theirs in zip(gradients, torch.autograd.grad(3 * expected.mean(), (x, weight)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
