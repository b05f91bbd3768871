"""Causal grouped-query attention: partial rotary, value residual, XSA, output gate (docs/spec/model.md, M5)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.chosen import Chosen
from flowgolf.model.fused import NormRotate, RemoveOwnValue, Tables
from flowgolf.model.initial import Streams, linear_
from flowgolf.model.part import Described, Part, acts
from flowgolf.model.roles import BLOCK_MATRIX, CONTROL
from flowgolf.model.settings import CoreSettings

ROPE_BASE = 10000.0
ROPE_SCALE_FROM = 1024  # of the published study (docs/spec/model.md, M6)


class Matrices(NamedTuple):
    """An attention's products, with the constant scales before and after it taken in."""

    queries: Tensor
    """(dim [+ n], dim): queries, then the rows of the block's parts if there are any."""
    keys_values: Tensor
    """(2 kv_dim, dim)."""
    proj: Tensor
    """(dim, dim)."""


def rope_base(seq_len: int, rope_dims: int, scale_from: int | None = ROPE_SCALE_FROM) -> float:
    """Rotary base for a training length, which grows beyond `scale_from` (docs/spec/model.md, M6); None: never.

    22,082 at 2048 with 16 rotated dimensions, scaled from 1024.
    """
    if scale_from is None or seq_len <= scale_from or rope_dims == 2:
        return ROPE_BASE  # two dimensions have one frequency, 1, whatever the base
    return float(ROPE_BASE * (seq_len / scale_from) ** (rope_dims / (rope_dims - 2)))


class Rotary(nn.Module):
    """Tables of cos and sin, float32; the base is fixed at the training length.

    cos is (time, 1, head_dim), 1 where nothing is rotated; sin is (time, 1, rope_dims / 2).
    """

    def __init__(self, seq_len: int, rope_dims: int, head_dim: int, scale_from: int | None = ROPE_SCALE_FROM) -> None:
        """`seq_len` is the training length, `rope_dims` how many dimensions of a head are rotated."""
        super().__init__()
        self.base, self.rope_dims, self.head_dim = rope_base(seq_len, rope_dims, scale_from), rope_dims, head_dim
        self._tables: dict[tuple[int, torch.device], Tables] = {}

    def forward(self, length: int, device: torch.device) -> Tables:
        """Tables for positions 0 to length - 1, computed once per length and device."""
        if (length, device) not in self._tables:
            with torch.inference_mode(False):  # a table first made while scoring serves later training too
                exponents = torch.arange(0, self.rope_dims, 2, dtype=torch.float32, device=device) / self.rope_dims
                angles = torch.outer(
                    torch.arange(length, dtype=torch.float32, device=device), 1.0 / self.base**exponents
                )
                cos = angles.cos()
                unmoved = torch.ones(length, self.head_dim - self.rope_dims, device=device)
                self._tables[length, device] = (torch.cat((cos, cos, unmoved), 1)[:, None], angles.sin()[:, None])
        return self._tables[length, device]


class Attention(Described):
    """Attention of block `index`; the first block gives its raw values to the others."""

    label = "attention"
    roles = {
        **dict.fromkeys(("c_q.weight", "c_k.weight", "c_v.weight", "proj.weight"), BLOCK_MATRIX),
        "q_gain": CONTROL,
        "vr_lambda": CONTROL,
    }

    def __init__(self, settings: CoreSettings, index: int, chosen: Sequence[Chosen]) -> None:
        """Blocks count from 0; the last `xsa_layers` of them use XSA. Of `chosen` it takes the parts of a block."""
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
        self.q_gain_start = settings.q_gain
        self.vr_lambda = nn.Parameter(torch.empty(2)) if settings.value_residual else None
        self.parts: list[Part] = []
        for name, kind, own in chosen:
            if kind.per_block:
                self.parts.append(kind(own, settings, index))
                self.add_module(name, self.parts[-1])
        self.with_rows = [part for part in self.parts if acts(type(part), "query_rows")]
        self.widths = [dim, *(len(part.query_rows()) if part in self.with_rows else 0 for part in self.parts)]

    def start(self, streams: Streams) -> None:
        """Input matrices by the rule, `proj` 0, gain as the setting says, value mix (0.5, 0.5)."""
        for name in ("c_q", "c_k", "c_v"):
            linear_(self.get_submodule(name).get_parameter("weight"), streams(f"{name}.weight"))
        self.proj.weight.zero_()
        self.q_gain.fill_(self.q_gain_start)
        if self.vr_lambda is not None:
            self.vr_lambda.fill_(0.5)

    def matrices(self, scale: float, out_scale: Tensor) -> Matrices:
        """The products for an input times `scale` and an output times `out_scale` (dim,).

        The scales go into the matrices because those are smaller than what they are multiplied with.
        """
        queries = self.c_q.weight
        if self.with_rows:
            queries = torch.cat((queries, *(part.query_rows() for part in self.with_rows)))
        keys_values = torch.cat((self.c_k.weight, self.c_v.weight))
        return Matrices(scale * queries, scale * keys_values, out_scale[:, None] * self.proj.weight)

    def forward(
        self,
        x: Tensor,
        tables: Tables,
        matrices: Matrices,
        *,
        v0: Tensor | None,
        extra_v: Tensor | None,
        last: int,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Output of the last `last` positions (batch, last, dim) and the raw values (batch, time, kv_heads, head_dim).

        x is (batch, time, dim); `v0` the first block's raw values, `extra_v` (batch, time, kv_dim) the value embedding,
        `mask` (batch, 1, last or more, time) which positions each one sees.
        """
        q, rows = self._queries(tail(x, last), matrices.queries)
        k, raw_v = F.linear(x, matrices.keys_values).chunk(2, dim=-1)
        raw_v = raw_v if extra_v is None else raw_v + extra_v.to(raw_v.dtype)
        k, raw_v = (flat.unflatten(-1, (self.kv_heads, self.head_dim)) for flat in (k, raw_v))
        v = raw_v
        if self.mixes_values:
            assert self.vr_lambda is not None and v0 is not None
            mix = self.vr_lambda.to(raw_v.dtype)  # autocast would widen the values to the type of the lambdas
            v = torch.addcmul(mix[0] * v0, mix[1], raw_v)
        cos, sin = tables
        q, k = NormRotate.apply(q, self.q_gain, cos[-last:], sin[-last:]), NormRotate.apply(k, None, cos, sin)
        v = v.to(q.dtype)
        y = causal_attention(q, k, v, mask)
        if self.xsa:
            y = RemoveOwnValue.apply(y, tail(v, last).repeat_interleave(self.heads // self.kv_heads, dim=2))
        for part, products in zip(self.parts, rows, strict=True):
            y = part.after_attention(y, products)
        return F.linear(y.flatten(2), matrices.proj), raw_v

    def _queries(self, x: Tensor, matrix: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Queries (batch, last, heads, head_dim) and each part's rows (batch, last, n) from one product."""
        q, *rows = F.linear(x, matrix).split(self.widths, dim=-1)
        return q.unflatten(-1, (self.heads, self.head_dim)), rows


def tail(x: Tensor, last: int) -> Tensor:
    """The last positions of x (batch, time, ...); x itself if it has no more, which spares autograd a copy."""
    return x if x.shape[1] == last else x[:, -last:]


def document_mask(input_ids: Tensor, bos_id: int) -> Tensor:
    """Which positions each one sees: itself and what is before it in its document, (batch, 1, time, time).

    A document begins at a token `bos_id` and at the start of a row.
    """
    documents = (input_ids == bos_id).cumsum(1)
    return (documents[:, :, None] == documents[:, None, :]).tril()[:, None]


def causal_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention of the last positions: q (batch, last, heads, head_dim), k and v (batch, time, kv_heads, head_dim).

    Query i stands at position time - last + i and sees itself and what is before; or, with a `mask` (batch, 1, last
    or more, time), what that says. Returns the shape of q.
    """
    last, time = q.shape[1], k.shape[1]
    if mask is not None:
        mask = mask[:, :, -last:]
    elif last < time:
        mask = torch.ones(last, time, dtype=torch.bool, device=q.device).tril(time - last)
    q, k, v = (tensor.transpose(1, 2) for tensor in (q, k, v))
    y = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=q.shape[1] != k.shape[1]
    )
    return y.transpose(1, 2)
