import math

import numpy as np
import pytest
import torch

from flowgolf.model.attention import Rotary, causal_attention, rope_base
from flowgolf.model.fused import RemoveOwnValue, rotate


@pytest.mark.parametrize("seq_len", [1024, 2048, 4096])
def test_rotary_tables(seq_len, golden):
    arrays = golden(f"rope_{seq_len}")
    cos, sin = Rotary(seq_len, 16, 20)(seq_len, torch.device("cpu"))
    for half in (cos[:, :, :8], cos[:, :, 8:16]):
        np.testing.assert_allclose(half[arrays["positions"], 0], arrays["cos"], rtol=0, atol=1e-6)
    assert (cos[:, :, 16:] == 1).all()
    np.testing.assert_allclose(sin[arrays["positions"], 0], arrays["sin"], rtol=0, atol=1e-6)


def test_rotary_base_grows_beyond_1024_positions():
    assert rope_base(256, 16) == rope_base(1024, 16) == 10000
    assert round(rope_base(2048, 16)) == 22082
    assert rope_base(2048, 2) == 10000


def test_rotary_base_stays_that_of_the_training_length():
    rotary = Rotary(2048, 16, 16)
    long, short = rotary(2048, torch.device("cpu")), rotary(100, torch.device("cpu"))
    assert torch.equal(long[0][:100], short[0])
    assert torch.equal(long[1][:100], short[1])


def test_rotation_turns_pairs_of_halves_and_leaves_the_rest():
    x = torch.randn(2, 5, 3, 10, generator=torch.Generator().manual_seed(0))
    rotated = rotate(x, Rotary(8, 4, 10)(5, torch.device("cpu")))
    assert torch.equal(rotated[..., 4:], x[..., 4:])
    for position in range(5):
        for j in range(2):
            angle = position * 10000 ** (-2 * j / 4)
            a, b = x[:, position, :, j], x[:, position, :, 2 + j]
            expected = a * math.cos(angle) + b * math.sin(angle), -a * math.sin(angle) + b * math.cos(angle)
            torch.testing.assert_close(rotated[:, position, :, j], expected[0])
            torch.testing.assert_close(rotated[:, position, :, 2 + j], expected[1])


@pytest.mark.parametrize(("kv_heads", "last"), [(4, 9), (2, 9), (1, 9), (2, 4), (4, 1)])
def test_causal_attention_equals_the_written_out_softmax(kv_heads, last):
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, last, 4, 8, generator=generator)
    k, v = (torch.randn(2, 9, kv_heads, 8, generator=generator) for _ in range(2))
    y = causal_attention(q, k, v)
    assert y.shape == q.shape
    for head in range(4):
        kv_head = head // (4 // kv_heads)
        for row in range(last):
            seen = 9 - last + row + 1
            scores = (k[:, :seen, kv_head] @ q[:, row, head, :, None]).squeeze(-1) / math.sqrt(8)
            expected = (scores.softmax(-1).unsqueeze(-1) * v[:, :seen, kv_head]).sum(1)
            torch.testing.assert_close(y[:, row, head], expected, rtol=0, atol=2e-6)


def test_xsa_leaves_nothing_along_the_own_value():
    generator = torch.Generator().manual_seed(0)
    y, v = torch.randn(2, 5, 4, 8, generator=generator), torch.randn(2, 5, 2, 8, generator=generator)
    v[0, 0] = 0  # no direction: nothing is removed
    repeated = v.repeat_interleave(2, dim=2)
    left = RemoveOwnValue.apply(y, repeated)
    assert (left * repeated).sum(-1).abs().max() < 1e-5
    torch.testing.assert_close(left[0, 0], y[0, 0])
    along = ((y - left) * repeated).sum(-1).abs()
    torch.testing.assert_close(along, (y - left).norm(dim=-1) * repeated.norm(dim=-1))


def test_value_residual_mixes_the_first_blocks_values(tiny, busy_gpt, token_ids, logits_of):
    gpt = busy_gpt(tiny())
    ids = token_ids(1, 6)
    with torch.no_grad():
        for block in gpt.blocks:
            block.attn.vr_lambda.copy_(torch.tensor([0.0, 1.0]))  # all of its own value: as if there were no mixing
    plain = busy_gpt(tiny(value_residual=False))
    plain.load_state_dict({name: w for name, w in gpt.state_dict().items() if "vr_lambda" not in name})
    torch.testing.assert_close(logits_of(gpt, ids), logits_of(plain, ids))
    with torch.no_grad():
        gpt.blocks[0].attn.vr_lambda.fill_(9.0)  # the first block uses its own values unmixed
        unmoved = logits_of(gpt, ids)
        gpt.blocks[1].attn.vr_lambda.fill_(0.5)
    torch.testing.assert_close(unmoved, logits_of(plain, ids))
    assert (logits_of(gpt, ids) - unmoved).abs().max() > 1e-3
