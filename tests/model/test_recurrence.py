"""Depth recurrence, skip gates, parallel residuals, widths: what the reference vectors do not show."""

import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.order import block_order, runs
from flowgolf.model.settings import ModelSettings, RecurrenceSettings
from flowgolf.train.speed import flops_per_token

LOOP = {"start": 1, "end": 2, "repeats": 1}


def test_the_order_of_the_record_at_full_size():
    order = block_order(11, RecurrenceSettings())
    assert order == ((0, 1, 2, 3, 4, 5, 3, 4), (5, 3, 4, 5, 6, 7, 8, 9, 10))
    assert order.skips == 8
    assert runs(11, RecurrenceSettings()) == [1, 1, 1, 3, 3, 3, 1, 1, 1, 1, 1]
    assert runs(4, RecurrenceSettings(start=1, end=1, repeats=2), looping_share=0.25) == [1, 1.5, 1, 1]


@pytest.mark.parametrize("layers", range(1, 8))
def test_without_a_loop_the_halves_are_those_of_the_published_study(layers):
    first, second = block_order(layers, None)
    assert first == tuple(range(layers // 2))
    assert first + second == tuple(range(layers))
    assert block_order(layers, RecurrenceSettings(start=0, end=0), looping=False) == (first, second)


def test_every_block_of_the_loop_runs_as_often_as_it_says_and_no_more(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(recurrence={**LOOP, "repeats": 3}))
    seen = []
    for index, block in enumerate(gpt.blocks):
        block.register_forward_hook(lambda *_, index=index: seen.append(index))
    for looping, expected in ((False, [0, 1, 2, 3, 4]), (True, [0, *[1, 2] * 4, 3, 4])):
        gpt.looping = looping
        seen.clear()
        gpt.hidden(token_ids(1, 6))
        assert seen == expected


def test_skips_of_the_looped_order_alone_are_zero_in_the_gradient_until_it_loops(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(recurrence=LOOP, skip_gates=True))
    ids = token_ids(2, 13)
    assert gpt.skip_weights.shape == gpt.skip_gates.shape == (3, 32)
    for looping, used in ((False, [True, True, False]), (True, [True, True, True])):
        gpt.looping = looping
        gpt.zero_grad()
        gpt.training_loss(ids[:, :-1], ids[:, 1:]).total.backward()
        for weight in (gpt.skip_weights, gpt.skip_gates):
            assert weight.grad.any(1).tolist() == used


def test_a_skip_gate_goes_from_the_skip_alone_to_none_of_it(tiny):
    gpt = GPT(tiny(skip_gates=True))
    gpt.init_weights(0)
    assert gpt.skip_gates.abs().max() == 0
    x, skipped = torch.randn(2, 1, 3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        gpt.skip_weights.fill_(3.0)
        for gate, expected in ((-100.0, 3 * skipped), (100.0, x), (0.0, 0.5 * x + 1.5 * skipped)):
            gpt.skip_gates.fill_(gate)
            torch.testing.assert_close(gpt._take_skip(x, skipped, 0), expected)


@pytest.mark.parametrize(
    "parts",
    [
        {"recurrence": LOOP, "skip_gates": True},
        {"recurrence": {"start": 3, "end": 4, "repeats": 2}, "parallel_from": 4},
        {"recurrence": {"start": 0, "end": 0, "repeats": 4}},
        {"parallel_from": 0},
        {"embedding_dim": 12},
        {"embedding_dim": 48, "tied_head": False, "flow_matcher": {"hidden_dim": 24}},
    ],
)
def test_scoring_the_last_positions_agrees_and_the_future_changes_nothing(parts, tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(**parts))
    ids = token_ids(2, 21)
    with torch.no_grad():
        nats = gpt.token_losses(ids[:, :-1], ids[:, 1:])
        last = gpt.token_losses(ids[:, :-1], ids[:, 1:], last=4)
        with gpt.constant_weights():
            assert torch.equal(gpt.token_losses(ids[:, :-1], ids[:, 1:]), nats)
        changed = ids.clone()
        changed[:, 11:] = token_ids(2, 10, seed=1)
        again = gpt.token_losses(changed[:, :-1], changed[:, 1:])
    torch.testing.assert_close(last, nats[:, -4:], rtol=0, atol=1e-5)
    assert torch.equal(again[:, :10], nats[:, :10])
    assert not torch.equal(again[:, 11], nats[:, 11])


def test_from_the_first_parallel_block_on_both_halves_read_the_same(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(parallel_from=3))
    read = {}
    for index, block in enumerate(gpt.blocks):
        block.attn.register_forward_hook(lambda _, given, __, index=index: read.update({index: [given[0]]}))
        block.mlp.register_forward_hook(lambda _, given, __, index=index: read[index].append(given[0]))
    gpt.hidden(token_ids(1, 6))
    assert [torch.equal(*read[index]) for index in range(5)] == [False, False, False, True, True]


def test_a_ratio_may_be_fractional_and_the_hidden_width_is_rounded_down():
    with torch.device("meta"):
        assert GPT(ModelSettings(mlp_ratio=4.35)).blocks[0].mlp.fc.weight.shape == (2227, 512)
        assert GPT(ModelSettings(mlp_ratio=4)).blocks[0].mlp.fc.weight.shape == (2048, 512)


def test_a_narrow_token_table_is_widened_and_narrowed_by_matrices_of_muon(tiny):
    gpt = GPT(tiny(embedding_dim=12))
    gpt.init_weights(0)
    assert gpt.tok_emb.weight.shape == (96, 12)
    assert (gpt.embed_proj.weight.shape, gpt.head_proj.weight.shape) == ((32, 12), (12, 32))
    assert {gpt.known[f"{name}.weight"].role.group for name in ("embed_proj", "head_proj")} == {"matrices"}
    wide = GPT(ModelSettings(vocab_size=8, seq_len=8, layers=1, dim=128, xsa_layers=1, embedding_dim=64))
    wide.init_weights(0)
    for weight in (wide.embed_proj.weight, wide.head_proj.weight):
        singular = torch.linalg.svdvals(weight)
        torch.testing.assert_close(singular, torch.ones_like(singular), rtol=0, atol=1e-5)
    assert GPT(tiny(embedding_dim=32)).embed_proj is None


def test_a_narrow_token_table_follows_the_written_out_formula(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(embedding_dim=12, smear=False, bigram=None))
    ids = token_ids(2, 6)
    normed = torch.nn.functional.rms_norm(gpt.tok_emb.weight[ids], (12,))
    torch.testing.assert_close(gpt._embed(ids), normed @ gpt.embed_proj.weight.T)
    logits = 30 * torch.tanh(gpt.hidden(ids) @ gpt.head_proj.weight.T @ gpt.tok_emb.weight.T / 30)
    expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    torch.testing.assert_close(gpt.training_loss(ids[:, :-1], ids[:, 1:]).total, expected)


def test_arithmetic_counts_a_block_as_often_as_it_runs(tiny):
    with torch.device("meta"):
        plain, looped = GPT(tiny()), GPT(tiny(recurrence={"start": 0, "end": 4, "repeats": 1}))
    outside = 6 * (96 * 32 + 32 * 16)  # the head and the bigram's projection
    assert flops_per_token(looped) - outside == 2 * (flops_per_token(plain) - outside)
    assert flops_per_token(looped, looping_share=0.0) == flops_per_token(plain)


def test_the_gain_on_queries_starts_where_the_setting_says(tiny):
    gpt = GPT(tiny(q_gain=5.25))
    gpt.init_weights(0)
    assert {value for block in gpt.blocks for value in block.attn.q_gain.tolist()} == {5.25}


def test_the_rotary_base_grows_from_the_length_that_the_setting_says():
    def base(scale_from):
        with torch.device("meta"):
            return GPT(ModelSettings(seq_len=2048, rope_scale_from=scale_from)).rotary.base

    assert base(None) == base(2048) == 10_000
    assert round(base(1024)) == 22_082
    assert base(512) == pytest.approx(10_000 * 4 ** (16 / 14))
