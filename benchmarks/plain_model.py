"""The yardstick of benchmarks/train.py and evaluate.py: the model as plain eager code, written from its formulas.

Same weights as `flowgolf.model.GPT` and the same losses to 1e-5, with nothing but library operations and autograd: the
logits of a whole batch, attention by torch's own function, no operation fused by hand. It knows the parts that the
benchmarks use (no value embedding, no refiners, no flow matcher).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from flowgolf.model.attention import Attention
from flowgolf.model.block import Block
from flowgolf.model.gpt import GPT

Tables = tuple[Tensor, Tensor]


def token_losses(gpt: GPT, input_ids: Tensor, target_ids: Tensor) -> Tensor:
    """Nats of each position, (batch, time)."""
    logits = head(gpt, hidden(gpt, input_ids))
    return F.cross_entropy(logits.flatten(0, 1), target_ids.flatten(), reduction="none").view(target_ids.shape)


def hidden(gpt: GPT, input_ids: Tensor) -> Tensor:
    """Final hidden state, (batch, time, dim)."""
    x = x0 = embed(gpt, input_ids)
    tables = gpt.rotary(input_ids.shape[1], x.device)
    v0, stack = None, []
    for index, block in enumerate(gpt.blocks):
        half = len(gpt.blocks) // 2
        if index >= half and stack:
            x = x + gpt.skip_weights[index - half] * stack.pop()
        x, v = run_block(block, x, x0, v0, tables)
        v0 = v if v0 is None else v0
        if index < half:
            stack.append(x)
    return F.rms_norm(x, x.shape[-1:])


def head(gpt: GPT, x: Tensor) -> Tensor:
    """Logits, (batch, time, vocab)."""
    softcap = gpt.settings.softcap
    return softcap * torch.tanh(F.linear(x, gpt.tok_emb.weight) / softcap)


def embed(gpt: GPT, input_ids: Tensor) -> Tensor:
    """The blocks' input, (batch, time, dim)."""
    x = gpt.tok_emb(input_ids)
    if gpt.settings.bigram is not None:
        x = x + gpt.bigram(input_ids)
    x = F.rms_norm(x, x.shape[-1:])
    if not gpt.settings.smear:
        return x
    gate = torch.sigmoid(gpt.smear.gate)
    return (1 - gate) * x + gate * torch.cat((torch.zeros_like(x[:, :1]), x[:, :-1]), dim=1)


def run_block(block: Block, x: Tensor, x0: Tensor, v0: Tensor | None, tables: Tables) -> tuple[Tensor, Tensor]:
    """Residual stream after a block, and its raw values."""
    x = block.resid_mix[0] * x + block.resid_mix[1] * x0
    attended, v = attend(block.attn, block.norm_scale * F.rms_norm(x, x.shape[-1:]), v0, tables)
    x = x + block.attn_scale * attended
    normed = block.norm_scale * F.rms_norm(x, x.shape[-1:])
    return x + block.mlp_scale * block.mlp.proj(F.leaky_relu(block.mlp.fc(normed), 0.5).square()), v


def attend(attn: Attention, x: Tensor, v0: Tensor | None, tables: Tables) -> tuple[Tensor, Tensor]:
    """Output of the attention, and its raw values."""
    batch, time, _ = x.shape
    q = attn.c_q(x).view(batch, time, attn.heads, attn.head_dim)
    k = attn.c_k(x).view(batch, time, attn.kv_heads, attn.head_dim)
    raw_v = attn.c_v(x).view(batch, time, attn.kv_heads, attn.head_dim)
    v = raw_v if v0 is None or attn.vr_lambda is None else attn.vr_lambda[0] * v0 + attn.vr_lambda[1] * raw_v
    q = rotate(F.rms_norm(q, q.shape[-1:]), tables) * attn.q_gain[:, None]
    k = rotate(F.rms_norm(k, k.shape[-1:]), tables)
    y = F.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, enable_gqa=True
    ).transpose(1, 2)
    if attn.xsa:
        direction = F.normalize(v, dim=-1).repeat_interleave(attn.heads // attn.kv_heads, dim=2)
        y = y - (y * direction).sum(-1, keepdim=True) * direction
    if attn.parts:
        gate = attn.attn_gate
        y = y * torch.sigmoid(F.linear(x, gate.weight, gate.bias)).unsqueeze(-1)
    return attn.proj(y.reshape(batch, time, -1)), raw_v


def rotate(x: Tensor, tables: Tables) -> Tensor:
    """The first dimensions of each head turned by the angle of its position."""
    cos, sin = tables
    half = sin.shape[-1]
    cos = cos[..., :half]
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat((a * cos + b * sin, b * cos - a * sin, rest), dim=-1)
