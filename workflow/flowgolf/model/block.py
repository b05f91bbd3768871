"""A block: attention and MLP around the residual stream (docs/spec/model.md, M4 and M21)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from flowgolf.model.attention import Attention, Matrices, tail
from flowgolf.model.chosen import Chosen
from flowgolf.model.fused import Tables, rms_norm
from flowgolf.model.initial import Streams
from flowgolf.model.mlp import MLP
from flowgolf.model.part import Described
from flowgolf.model.roles import CONTROL
from flowgolf.model.settings import CoreSettings

BlockMatrices = tuple[Matrices, tuple[Tensor, Tensor]]  # of attention and MLP


class Block(Described):
    """Attention and MLP around the residual stream, which also takes in the embedding x0."""

    label = "block scales"
    roles = dict.fromkeys(("attn_scale", "mlp_scale", "resid_mix"), CONTROL)

    def __init__(self, settings: CoreSettings, index: int, chosen: Sequence[Chosen]) -> None:
        """Blocks count from 0; `chosen` are the model's parts."""
        super().__init__()
        self.norm_scale = 1 / math.sqrt(index + 1) if settings.ln_scale else 1.0
        self.parallel = settings.parallel_from is not None and index >= settings.parallel_from
        self.attn = Attention(settings, index, chosen)
        self.mlp = MLP(settings.dim, int(settings.mlp_ratio * settings.dim))
        self.attn_scale = nn.Parameter(torch.empty(settings.dim))
        self.mlp_scale = nn.Parameter(torch.empty(settings.dim))
        self.resid_mix = nn.Parameter(torch.empty(2, settings.dim))
        self.kept: BlockMatrices | None = None

    def start(self, streams: Streams) -> None:
        """Scales 1; the residual mix takes all of x and nothing of x0."""
        self.attn_scale.fill_(1.0)
        self.mlp_scale.fill_(1.0)
        self.resid_mix[0].fill_(1.0)
        self.resid_mix[1].zero_()

    def forward(
        self,
        x: Tensor,
        x0: Tensor,
        tables: Tables,
        *,
        v0: Tensor | None,
        extra_v: Tensor | None,
        last: int,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Residual stream of the last `last` positions (batch, last, dim), and the attention's raw values.

        `mask` (batch, 1, last or more, time) says which positions each one sees; None: itself and all before.
        """
        for_attention, for_mlp = self.kept or self.matrices()
        mix = self.resid_mix.to(x.dtype)  # the stream keeps its type
        x = torch.addcmul(mix[0] * x, mix[1], x0)
        normed = rms_norm(x)
        attended, raw_v = self.attn(normed, tables, for_attention, v0=v0, extra_v=extra_v, last=last, mask=mask)
        x = tail(x, last) + attended
        read = tail(normed, last) if self.parallel else rms_norm(x)
        return x + self.mlp(read, for_mlp), raw_v

    def matrices(self) -> BlockMatrices:
        """The products of attention and MLP with the block's constant scales taken in."""
        scale = self.norm_scale
        return self.attn.matrices(scale, self.attn_scale), self.mlp.matrices(scale, self.mlp_scale)
