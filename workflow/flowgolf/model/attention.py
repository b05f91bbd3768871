"""Causal grouped-query attention: partial rotary, value residual, XSA, output gate (spec/model.md, Attention)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import ORTHOGONAL_MIN_SIDE, Part, Streams, linear_
from flowgolf.model.settings import ModelSettings

ROPE_BASE = 10000.0
ROPE_BASE_LENGTH = 1024  # the base grows for training lengths beyond this (NTK scaling, spec/model.md, Rotary)

RotaryTables = tuple[Tensor, Tensor]


def rope_base(seq_len: int, rope_dims: int) -> float:
    """Rotary base for a training length; 22,082 at 2048 with 16 rotated dimensions."""
    if seq_len <= ROPE_BASE_LENGTH or rope_dims == 2:  # two dimensions have one frequency, 1, whatever the base
        return ROPE_BASE
    return float(ROPE_BASE * (seq_len / ROPE_BASE_LENGTH) ** (rope_dims / (rope_dims - 2)))


class Rotary(nn.Module):
    """Tables of cos and sin, (time, 1, rope_dims / 2) float32; the base is fixed at the training length."""

    def __init__(self, seq_len: int, rope_dims: int) -> None:
        """`seq_len` is the training length, `rope_dims` how many dimensions of a head are rotated."""
        super().__init__()
        self.base, self.rope_dims = rope_base(seq_len, rope_dims), rope_dims
        self._tables: dict[tuple[int, torch.device], RotaryTables] = {}

    def forward(self, length: int, device: torch.device) -> RotaryTables:
        """Tables for positions 0 to length - 1, computed once per length and device."""
        if (length, device) not in self._tables:
            with torch.inference_mode(False):  # a table first made while scoring serves later training too
                exponents = torch.arange(0, self.rope_dims, 2, dtype=torch.float32, device=device) / self.rope_dims
                angles = torch.outer(
                    torch.arange(length, dtype=torch.float32, device=device), 1.0 / self.base**exponents
                )
                self._tables[length, device] = (angles.cos()[:, None], angles.sin()[:, None])
        return self._tables[length, device]


def rotate(x: Tensor, tables: RotaryTables) -> Tensor:
    """Rotate the first dimensions of each head of x (batch, time, heads, head_dim) by the tables of its positions."""
    cos, sin = (table.to(x.dtype) for table in tables)
    half = cos.shape[-1]
    a, b, rest = torch.split(x, [half, half, x.shape[-1] - 2 * half], dim=-1)
    return torch.cat((a * cos + b * sin, b * cos - a * sin, rest), dim=-1)


def remove_own_value(y: Tensor, v: Tensor) -> Tensor:
    """XSA: heads y (batch, time, heads, head_dim) without their projection on the own value v of their kv head."""
    grouped = y.view(*v.shape[:3], -1, v.shape[3])  # (batch, time, kv_heads, group, head_dim)
    direction = F.normalize(v, dim=-1).unsqueeze(3)  # divides by at least 1e-12
    return (grouped - (grouped * direction).sum(-1, keepdim=True) * direction).flatten(2, 3)


class Attention(Part):
    """Attention of block `index`; the first block gives its raw values to the others."""

    def __init__(self, settings: ModelSettings, index: int) -> None:
        """Blocks count from 0; the last `xsa_layers` of them use XSA."""
        super().__init__()
        dim, self.heads, self.kv_heads = settings.dim, settings.heads, settings.kv_heads
        self.head_dim = dim // settings.heads
        self.mixes_values = settings.value_residual and index > 0
        self.xsa = index >= settings.layers - settings.xsa_layers
        kv_dim = self.kv_heads * self.head_dim
        self.c_q = nn.Linear(dim, dim, bias=False)
        self.c_k = nn.Linear(dim, kv_dim, bias=False)
        self.c_v = nn.Linear(dim, kv_dim, bias=False)
        self.proj = nn.Linear(dim, dim, bias=False)
        self.q_gain = nn.Parameter(torch.empty(self.heads))
        self.vr_lambda = nn.Parameter(torch.empty(2)) if settings.value_residual else None
        self.attn_gate = nn.Linear(dim, self.heads) if settings.gated_attention else None

    def start(self, streams: Streams) -> None:
        """Input matrices by the rule, `proj` 0, gain 1.5, value mix (0.5, 0.5), gate bias 4."""
        for name in ("c_q", "c_k", "c_v"):
            linear_(self.get_submodule(name).get_parameter("weight"), streams(f"{name}.weight"))
        self.proj.weight.zero_()
        self.q_gain.fill_(1.5)
        if self.vr_lambda is not None:
            self.vr_lambda.fill_(0.5)
        if self.attn_gate is not None:
            self.attn_gate.bias.fill_(4.0)
            self.attn_gate.weight.zero_()
            if self.heads >= ORTHOGONAL_MIN_SIDE:
                linear_(self.attn_gate.weight, streams("attn_gate.weight"))

    def forward(
        self, x: Tensor, tables: RotaryTables, *, v0: Tensor | None, extra_v: Tensor | None, last: int
    ) -> tuple[Tensor, Tensor]:
        """Output of the last `last` positions (batch, last, dim) and the raw values (batch, time, kv_heads, head_dim).

        x is (batch, time, dim); `v0` the first block's raw values, `extra_v` (batch, time, kv_dim) the value embedding.
        """
        x_last = tail(x, last)
        q = self.c_q(x_last).unflatten(-1, (self.heads, self.head_dim))
        k = self.c_k(x).unflatten(-1, (self.kv_heads, self.head_dim))
        raw_v = self.c_v(x) if extra_v is None else self.c_v(x) + extra_v
        raw_v = raw_v.unflatten(-1, (self.kv_heads, self.head_dim))
        v = raw_v
        if self.mixes_values:
            assert self.vr_lambda is not None and v0 is not None
            v = self.vr_lambda[0] * v0 + self.vr_lambda[1] * raw_v
        k = rotate(F.rms_norm(k, (self.head_dim,)), tables)
        q = rotate(F.rms_norm(q, (self.head_dim,)), (tables[0][-last:], tables[1][-last:]))
        y = causal_attention(q * self.q_gain[:, None].to(q.dtype), k, v.to(q.dtype))
        if self.xsa:
            y = remove_own_value(y, tail(v, last).to(y.dtype))
        if self.attn_gate is not None:
            y = y * torch.sigmoid(self.attn_gate(x_last)).unsqueeze(-1)
        return self.proj(y.flatten(2)), raw_v


def tail(x: Tensor, last: int) -> Tensor:
    """The last positions of x (batch, time, ...); x itself if it has no more, which spares autograd a copy."""
    return x if x.shape[1] == last else x[:, -last:]


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of the last positions: q (batch, last, heads, head_dim), k and v (batch, time, kv_heads, head_dim).

    Query i stands at position time - last + i and sees itself and what is before; returns the shape of q.
    """
    last, time = q.shape[1], k.shape[1]
    mask = None if last == time else torch.ones(last, time, dtype=torch.bool, device=q.device).tril(time - last)
    q, k, v = (tensor.transpose(1, 2) for tensor in (q, k, v))
    y = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=q.shape[1] != k.shape[1]
    )
    return y.transpose(1, 2)
