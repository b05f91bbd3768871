"""Behaviour of the whole model: causality, combinations of parts, scoring of last positions, random streams."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowgolf.model.gpt import GPT
from flowgolf.model.head import head_losses
from flowgolf.model.settings import ModelSettings
from flowgolf.train.clipping import clip_gradients
from flowgolf.train.groups import optimizers
from flowgolf.train.settings import TrainSettings

SWITCHES = {
    "tied_head": st.booleans(),
    "smear": st.booleans(),
    "value_residual": st.booleans(),
    "gated_attention": st.booleans(),
    "ln_scale": st.booleans(),
    "logit_scale": st.booleans(),
    "layers": st.integers(1, 4),
    "xsa_layers": st.integers(0, 1),
    "kv_heads": st.sampled_from([1, 2, 4]),
    "rope_dims": st.sampled_from([2, 4, 8]),
    "bigram": st.sampled_from([None, {"buckets": 2, "dim": 5}, {"buckets": 64, "dim": 16}]),
    "value_embedding": st.sampled_from([None, {"dim": 12, "layers": [0]}]),
    "flow_matcher": st.sampled_from([None, {"hidden_dim": 24}, {"hidden_dim": 24, "init": "normal"}]),
    "flow_refiner": st.sampled_from([None, {"latent_dim": 8, "hidden_dim": 12}]),
    "ttt_linear": st.sampled_from([None, {"heads": 4, "mini_batch": 8}, {"heads": 2, "mini_batch": 20}]),
    "skip_gates": st.booleans(),
    "recurrence": st.sampled_from([None, {"start": 0, "end": 0, "repeats": 2}]),
    "parallel_from": st.sampled_from([None, 0]),
    "embedding_dim": st.sampled_from([None, 20]),
    "document_masks": st.booleans(),
    "windowed_gate": st.sampled_from([None, {"window": 5}, {"window": 5, "transparent": True}]),
    "gated_smear": st.sampled_from([None, {"window": 5}]),
}


@given(switches=st.fixed_dictionaries(SWITCHES), last=st.integers(1, 20))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_any_combination_of_parts_trains_and_scores(switches, last, tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(**switches))
    ids = token_ids(2, 21)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    loss = gpt.training_loss(inputs, targets, gpt.draws(inputs, torch.Generator().manual_seed(0)))
    loss.total.backward()
    unused = {name for name, weight in gpt.named_parameters() if weight.grad is None}
    without_skips = {"skip_weights", "skip_gates"} if gpt.looped_order.skips == 0 else set()
    assert unused <= {"blocks.0.attn.vr_lambda"} | without_skips
    assert all(weight.grad.isfinite().all() for weight in gpt.parameters() if weight.grad is not None)
    losses = gpt.token_losses(inputs, targets)
    assert loss.cross_entropy.item() == pytest.approx(losses.mean().item(), abs=1e-5)
    torch.testing.assert_close(gpt.token_losses(inputs, targets, last=last), losses[:, -last:], rtol=0, atol=1e-5)
    assert gpt.hidden(inputs).shape == (2, 20, 32)
    muon, adamw = optimizers(gpt, TrainSettings()).values()
    muon.step()
    adamw.step()
    assert (
        gpt.training_loss(inputs, targets, gpt.draws(inputs, torch.Generator().manual_seed(0))).total.item()
        < loss.total.item()
    )


@pytest.mark.parametrize("changed", [1, 7, 8, 13, 19])
def test_changing_the_future_never_changes_the_past(changed, tiny, every_part, busy_gpt, token_ids, logits_of):
    gpt = busy_gpt(tiny(**every_part))
    before, after = token_ids(3, 20), token_ids(3, 20)
    after[:, changed:] = token_ids(3, 20, seed=1)[:, changed:]
    with torch.no_grad():
        old, new = logits_of(gpt, before), logits_of(gpt, after)
    assert torch.equal(old[:, :changed], new[:, :changed])
    assert not torch.equal(old[:, changed], new[:, changed])


def test_a_step_under_bfloat16_autocast_stays_near_the_float32_one(tiny, busy_gpt, token_ids):
    """The arithmetic of a GPU on the CPU: every written-out gradient meets mixed types."""
    gpt = busy_gpt(tiny(flow_matcher={"hidden_dim": 24}))
    ids = token_ids(2, 21)
    losses, gradients = [], []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = gpt.training_loss(
                ids[:, :-1], ids[:, 1:], gpt.draws(ids[:, :-1], torch.Generator().manual_seed(0))
            ).total
        gpt.zero_grad()
        loss.backward()
        gradients.append([parameter.grad for parameter in gpt.parameters() if parameter.grad is not None])
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    full, mixed = (torch.cat([gradient.flatten() for gradient in each]) for each in gradients)
    assert torch.nn.functional.cosine_similarity(full, mixed, dim=0) > 0.99


def test_constant_weights_change_no_digit_and_are_forgotten(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny())
    ids = token_ids(2, 21)
    for _ in range(2):
        with torch.no_grad():
            expected = gpt.token_losses(ids[:, :-1], ids[:, 1:])
            with gpt.constant_weights():
                kept = [block.kept for block in gpt.blocks]
                assert torch.equal(gpt.token_losses(ids[:, :-1], ids[:, 1:]), expected)
            gpt.blocks[0].mlp.fc.weight.mul_(1.5)
        assert None not in kept
        assert [block.kept for block in gpt.blocks] == [None] * len(gpt.blocks)


@pytest.mark.parametrize(
    "parts",
    [{}, {"ttt_linear": {"heads": 4, "mini_batch": 8}}, {"flow_matcher": {}, "flow_refiner": {}, "logit_scale": True}],
)
def test_last_positions_alone_reach_the_head_and_the_last_mlp(parts, tiny, busy_gpt, token_ids, monkeypatch):
    gpt = busy_gpt(tiny(**parts))
    seen = {}
    gpt.blocks[-1].mlp.register_forward_hook(lambda _, inputs, __: seen.update(mlp=inputs[0].shape[1]))
    queries = gpt.blocks[-1].attn._queries
    monkeypatch.setattr(
        gpt.blocks[-1].attn, "_queries", lambda x, matrix: seen.update(queries=x.shape[1]) or queries(x, matrix)
    )
    monkeypatch.setattr(
        "flowgolf.model.gpt.head_losses",
        lambda x, *rest, **options: seen.update(head=len(x) // 2) or head_losses(x, *rest, **options),
    )
    ids = token_ids(2, 21)
    gpt.token_losses(ids[:, :-1], ids[:, 1:], last=3)
    last_block = 20 if "ttt_linear" in parts else 3  # TTT-linear reads every position
    assert seen == {"mlp": last_block, "queries": last_block, "head": 3}


def test_parts_after_one_that_reads_every_position_get_the_last_alone(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(ttt_linear={"heads": 4, "mini_batch": 8}, flow_refiner={"latent_dim": 8, "hidden_dim": 12}))
    seen = {}
    for name in ("ttt_refiner", "flow_refiner"):
        gpt.get_submodule(name).register_forward_hook(
            lambda _, inputs, __, name=name: seen.update({name: inputs[0].shape[1]})
        )
    ids = token_ids(2, 21)
    gpt.token_losses(ids[:, :-1], ids[:, 1:], last=3)
    assert seen == {"ttt_refiner": 20, "flow_refiner": 3}


def test_hidden_and_logits_agree(tiny, every_part, busy_gpt, token_ids, logits_of):
    gpt = busy_gpt(tiny(**every_part))
    ids = token_ids(2, 20)
    expected = 30 * torch.tanh(gpt.hidden(ids) @ gpt.tok_emb.weight.T / 30)
    torch.testing.assert_close(logits_of(gpt, ids), expected, rtol=0, atol=1e-5)


def test_logit_scale_multiplies_the_final_hidden_state(tiny, every_part, busy_gpt, token_ids, logits_of):
    plain, scaled = (GPT(tiny(**{**every_part, "logit_scale": on})) for on in (False, True))
    plain.init_weights(0)
    scaled.init_weights(0)
    ids = token_ids(2, 20)
    assert scaled.logit_scale.scale.shape == ()
    assert torch.equal(logits_of(scaled, ids), logits_of(plain, ids))
    with torch.no_grad():
        scaled.logit_scale.scale.fill_(3.0)
    torch.testing.assert_close(scaled.hidden(ids), 3 * plain.hidden(ids))


def test_untied_head_has_its_own_weights(tiny, token_ids, logits_of):
    gpt = GPT(tiny(tied_head=False))
    gpt.init_weights(0)
    assert gpt.state_dict()["lm_head.weight"].shape == (96, 32)
    with torch.no_grad():
        gpt.lm_head.weight.zero_()
    assert logits_of(gpt, token_ids(1, 5)).abs().max() == 0


def test_auxiliary_loss_follows_the_generator_and_can_be_left_out(tiny, every_part, busy_gpt, token_ids):
    gpt = busy_gpt(tiny(**every_part))
    ids = token_ids(2, 21)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    first, again, other = (
        gpt.training_loss(inputs, targets, gpt.draws(inputs, torch.Generator().manual_seed(seed))) for seed in (5, 5, 6)
    )
    assert first.auxiliary.item() == again.auxiliary.item() != other.auxiliary.item()
    assert first.cross_entropy.item() == other.cross_entropy.item()
    without = gpt.training_loss(inputs, targets, auxiliary=False)
    assert without.auxiliary.item() == 0
    assert without.total.item() == first.cross_entropy.item()


def test_weights_first_used_for_scoring_can_be_trained(tiny, busy_gpt, token_ids):
    gpt = busy_gpt(tiny())
    ids = token_ids(2, 21)
    with torch.inference_mode():
        gpt.token_losses(ids[:, :-1], ids[:, 1:])
    gpt.training_loss(ids[:, :-1], ids[:, 1:]).total.backward()
    assert gpt.tok_emb.weight.grad.abs().max() > 0


def test_bfloat16_autocast_stays_near_float32(tiny, every_part, busy_gpt, token_ids, logits_of):
    gpt = busy_gpt(tiny(**every_part))
    ids = token_ids(2, 21)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    exact = gpt.training_loss(inputs, targets, gpt.draws(inputs, torch.Generator().manual_seed(0)))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = gpt.training_loss(inputs, targets, gpt.draws(inputs, torch.Generator().manual_seed(0)))
        assert logits_of(gpt, inputs).dtype == torch.float32
    rounded.total.backward()
    for name in ("cross_entropy", "auxiliary"):
        assert getattr(rounded, name).item() == pytest.approx(getattr(exact, name).item(), rel=0.05)
    assert all(weight.grad is None or weight.grad.dtype == torch.float32 for weight in gpt.parameters())


def test_initial_weights_follow_the_seed_and_nothing_else(tiny, every_part):
    first, again, other = (GPT(tiny(**every_part)) for _ in range(3))
    first.init_weights(0)
    torch.rand(7)  # the global stream plays no part
    again.init_weights(0)
    other.init_weights(1)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    assert not torch.equal(first.tok_emb.weight, other.tok_emb.weight)


def test_a_part_leaves_the_start_of_all_others_alone(tiny, every_part):
    without, with_all = GPT(tiny()), GPT(tiny(**every_part))
    without.init_weights(3)
    with_all.init_weights(3)
    for name, weight in without.state_dict().items():
        assert torch.equal(weight, with_all.state_dict()[name]), name


def trained(model_settings, ids, close_gate):
    """Weights after 20 steps as the training loop takes them, with gradient clipping and weight decay."""
    gpt = GPT(model_settings)
    gpt.init_weights(42)
    if close_gate:
        with torch.no_grad():
            gpt.native_flow.gate.fill_(-200.0)
    muon, adamw = optimizers(gpt, TrainSettings()).values()
    for step in range(20):
        draws = gpt.draws(ids[step, :, :-1], torch.Generator().manual_seed(step))
        loss = gpt.training_loss(ids[step, :, :-1], ids[step, :, 1:], draws)
        loss.total.backward()
        assert clip_gradients(gpt.parameters(), 0.3) > 0.3  # clipping acts
        for optimizer in (muon, adamw):
            optimizer.step()
            optimizer.zero_grad()
    return gpt.state_dict()


def test_closed_flow_matcher_of_weight_zero_trains_like_none(token_ids):
    """A flow matcher of weight 0 with a closed gate and no flow matcher give identical other weights after 20 steps.

    What makes it hold: every parameter starts from a random stream of its own; the draws of t and z come from a
    generator that nothing else reads; the loss of weight 0 adds exactly 0. The gate is closed by setting it to -200:
    sigmoid(-200) is exactly 0 in float32, so the correction adds 0 to the hidden state, and every gradient of the part,
    the gate's own included, is exactly 0. A zero gradient never moves the gate; weight decay only shrinks it by 0.1 % a
    step, to -196 after 20. (The start of -5 would leak 0.7 %; minus infinity would make the weight average undefined.)
    Zero gradients add nothing to the norm that clips all parameters together, because `clip_gradients` rounds its sum
    once (torch's clip_grad_norm_ adds in an order that depends on the number of tensors, which moves the last bit and
    with it all weights by 4e-7 after 20 steps); and decay acts on each weight alone.
    """
    sizes = {"vocab_size": 128, "seq_len": 16, "layers": 3, "dim": 64, "heads": 4, "kv_heads": 2, "xsa_layers": 3}
    ids = token_ids(20, 2, 17, vocab_size=128)
    without = trained(ModelSettings(**sizes), ids, close_gate=False)
    closed = trained(ModelSettings(**sizes, flow_matcher={"hidden_dim": 64, "loss_weight": 0.0}), ids, close_gate=True)
    assert set(closed) - set(without) == {name for name in closed if name.startswith("native_flow.")}
    for name, weight in without.items():
        assert torch.equal(weight, closed[name]), f"{name}: {(weight - closed[name]).abs().max()}"


def test_construction_on_the_meta_device_takes_no_memory():
    with torch.device("meta"):
        gpt = GPT(ModelSettings(flow_matcher={}, flow_refiner={}, ttt_linear={}, value_embedding={}, tied_head=False))
    assert {weight.device.type for weight in gpt.parameters()} == {"meta"}
    assert not list(gpt.buffers())
