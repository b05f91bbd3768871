"""Parts that keep documents apart, and gates that read a few channels (docs/spec/model.md, M23 to M25)."""

import pytest
import torch

from flowgolf.model.gpt import GPT

BOS = 1
ALONE = {"bigram": None, "smear": False, "document_masks": True}
"""What a document gives by itself, it gives inside a row; the bigram looks back past its start by itself."""


@pytest.fixture
def row(token_ids):
    """A row of three documents: the first without its beginning, the others from 7 to 12 and from 13 to 19."""
    ids = token_ids(1, 20)
    ids[ids == BOS] = 5
    ids[0, [7, 13]] = BOS
    return ids


PARTS = [
    {},
    {"smear": True, "smear_across_documents": False},
    {"gated_smear": {"window": 3}},
    {"windowed_gate": {"window": 5}, "recurrence": {"start": 1, "end": 2}, "skip_gates": True},
    {"value_embedding": {"dim": 12, "layers": [3]}, "flow_matcher": {"hidden_dim": 24}, "parallel_from": 2},
]


@pytest.mark.parametrize("parts", PARTS)
def test_a_document_alone_gives_the_logits_that_it_gives_inside_a_row(parts, tiny, busy_gpt, row, logits_of):
    gpt = busy_gpt(tiny(**{**ALONE, **parts}))
    with torch.no_grad():
        whole = logits_of(gpt, row)
        for start, end in ((0, 7), (7, 13), (13, 20)):
            alone = logits_of(gpt, row[:, start:end])
            torch.testing.assert_close(whole[:, start:end], alone, rtol=0, atol=1e-5)


def test_without_masks_a_document_sees_the_one_before(tiny, busy_gpt, row, logits_of):
    gpt = busy_gpt(tiny(**{**ALONE, "document_masks": False}))
    with torch.no_grad():
        assert (logits_of(gpt, row)[:, 7:13] - logits_of(gpt, row[:, 7:13])).abs().max() > 1e-2


def test_the_published_smear_carries_a_token_into_the_next_document(tiny, busy_gpt, row, logits_of):
    gpt = busy_gpt(tiny(**{**ALONE, "smear": True}))
    with torch.no_grad():
        assert (logits_of(gpt, row)[:, 7] - logits_of(gpt, row[:, 7:13])[:, 0]).abs().max() > 1e-2


@pytest.mark.parametrize("parts", [{}, *PARTS])
def test_masked_documents_stay_causal_and_score_their_last_positions_alike(parts, tiny, busy_gpt, row, token_ids):
    gpt = busy_gpt(tiny(**{**ALONE, **parts}))
    targets, changed = token_ids(1, 20, seed=2), row.clone()
    changed[:, 15:] = token_ids(1, 5, seed=3)
    with torch.no_grad():
        nats = gpt.token_losses(row, targets)
        torch.testing.assert_close(gpt.token_losses(row, targets, last=9), nats[:, -9:], rtol=0, atol=1e-5)
        assert torch.equal(gpt.token_losses(changed, targets)[:, :15], nats[:, :15])


@pytest.mark.parametrize(("scale", "transparent", "factor"), [(1.0, False, 1), (2.5, False, 1), (1.0, True, 2)])
def test_the_windowed_gate_follows_its_formula(scale, transparent, factor, tiny, busy_gpt, token_ids):
    own = {"window": 5, "scale": scale, "transparent": transparent}
    gpt = busy_gpt(tiny(windowed_gate=own))
    gate = gpt.blocks[2].attn.windowed_gate
    x = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(0))
    y = torch.ones(2, 3, 4, 8)
    expected = factor * torch.sigmoid(scale * (x[..., :5] @ gate.weight.T))
    found = gate.after_attention(y, x @ gate.query_rows().T)
    torch.testing.assert_close(found, expected[..., None].expand(2, 3, 4, 8))
    name = "blocks.2.attn.attn_gate_proj.weight" if transparent else "blocks.2.attn.attn_gate_w"
    assert gpt.state_dict()[name].shape == (4, 5)
    assert gpt.known["blocks.2.attn.windowed_gate.weight"].role.group == "rest"


def test_the_windowed_gate_starts_as_a_half_or_as_nothing(tiny, token_ids):
    ids = token_ids(1, 9)
    plain, half, nothing = (
        GPT(tiny(windowed_gate=own)) for own in (None, {"window": 5}, {"window": 5, "transparent": True})
    )
    for gpt in (plain, half, nothing):
        gpt.init_weights(0)
        with torch.no_grad():
            gpt.blocks[4].attn.proj.weight.copy_(torch.eye(32))  # all blocks start as nothing
    with torch.no_grad():
        torch.testing.assert_close(nothing.hidden(ids), plain.hidden(ids))
        assert (half.hidden(ids) - plain.hidden(ids)).abs().max() > 1e-3


def test_the_gated_smear_follows_its_formula(tiny, busy_gpt, row):
    gpt = busy_gpt(tiny(gated_smear={"window": 3}))
    x = torch.randn(1, 20, 32, generator=torch.Generator().manual_seed(0))
    found = gpt.smear_gate.after_embedding(x, row)
    weight, share = gpt.state_dict()["smear_gate.weight"], gpt.state_dict()["smear_lambda"]
    assert (weight.shape, share.shape) == ((1, 3), (1,))
    for t in range(20):
        gate = share * torch.sigmoid(x[0, t, :3] @ weight[0])
        left_out = t == 0 or row[0, t] == BOS
        torch.testing.assert_close(found[0, t], x[0, t] if left_out else x[0, t] + gate * x[0, t - 1])


def test_the_gated_smear_starts_as_nothing_and_can_learn(tiny, token_ids):
    plain, smeared = GPT(tiny()), GPT(tiny(gated_smear={"window": 3}))
    ids = token_ids(2, 13)
    for gpt in (plain, smeared):
        gpt.init_weights(0)
    assert torch.equal(plain.hidden(ids), smeared.hidden(ids))
    smeared.training_loss(ids[:, :-1], ids[:, 1:]).total.backward()
    assert smeared.smear_gate.share.grad.abs() > 0
    assert {smeared.known[f"smear_gate.{name}"].role.group for name in ("weight", "share")} == {"rest"}
