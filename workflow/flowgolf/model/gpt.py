"""The transformer: blocks in a U-Net, parts on the final hidden state, its losses (docs/spec/model.md, M3 and M4)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from flowgolf.model.attention import Attention, Matrices, Rotary, tail
from flowgolf.model.embeddings import Bigram, Smear, TokenEmbedding, ValueEmbedding
from flowgolf.model.flow_matcher import FlowMatcher, draws
from flowgolf.model.flow_refiner import FlowRefiner
from flowgolf.model.fused import RMSNorm, Tables
from flowgolf.model.head import MeanLoss, capped_logits, head_losses
from flowgolf.model.initial import Part, Streams
from flowgolf.model.mlp import MLP
from flowgolf.model.settings import ModelSettings
from flowgolf.model.ttt_linear import TTTLinear

BlockMatrices = tuple[Matrices, tuple[Tensor, Tensor]]  # of attention and MLP


class TrainingLoss(NamedTuple):
    """Mean losses of a batch, scalars."""

    total: Tensor
    """What is differentiated: cross-entropy plus the weighted auxiliary loss."""
    cross_entropy: Tensor
    """Nats per token."""
    auxiliary: Tensor
    """Flow-matching loss before its weight; 0 without a flow matcher."""


class Block(Part):
    """Attention and MLP around the residual stream, which also takes in the embedding x0."""

    def __init__(self, settings: ModelSettings, index: int) -> None:
        """Blocks count from 0."""
        super().__init__()
        self.norm_scale = 1 / math.sqrt(index + 1) if settings.ln_scale else 1.0
        self.attn = Attention(settings, index)
        self.mlp = MLP(settings.dim, settings.mlp_ratio * settings.dim)
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
        self, x: Tensor, x0: Tensor, tables: Tables, *, v0: Tensor | None, extra_v: Tensor | None, last: int
    ) -> tuple[Tensor, Tensor]:
        """Residual stream of the last `last` positions (batch, last, dim), and the attention's raw values."""
        for_attention, for_mlp = self.kept or self.matrices()
        x = torch.addcmul(self.resid_mix[0] * x, self.resid_mix[1], x0)
        attended, raw_v = self.attn(RMSNorm.apply(x), tables, for_attention, v0=v0, extra_v=extra_v, last=last)
        x = tail(x, last) + attended
        return x + self.mlp(RMSNorm.apply(x), for_mlp), raw_v

    def matrices(self) -> BlockMatrices:
        """The products of attention and MLP with the block's constant scales taken in."""
        scale = self.norm_scale
        return self.attn.matrices(scale, self.attn_scale), self.mlp.matrices(scale, self.mlp_scale)


class GPT(Part):
    """The model that `settings` describe; call `init_weights` or load a state dict before use."""

    def __init__(self, settings: ModelSettings) -> None:
        """Weights are left unset; under torch.device("meta") nothing is allocated."""
        super().__init__()
        self.settings = settings
        dim, layers = settings.dim, settings.layers
        self.num_encoder = layers // 2
        self.tok_emb = TokenEmbedding(settings.vocab_size, dim)
        self.bigram = Bigram(settings.bigram, dim, layers) if settings.bigram else None
        self.smear = Smear(dim) if settings.smear else None
        self.skip_weights = nn.Parameter(torch.empty(self.num_encoder, dim))
        self.blocks = nn.ModuleList(Block(settings, index) for index in range(layers))
        if settings.value_embedding:
            kv_dim = dim // settings.heads * settings.kv_heads
            self.ve_shared = ValueEmbedding(settings.value_embedding, settings.vocab_size, kv_dim)
            self.ve_layer_scales = nn.ParameterList(torch.empty(1) for _ in settings.value_embedding.layers)
        self.ttt_refiner = TTTLinear(settings.ttt_linear, dim) if settings.ttt_linear else None
        self.flow_refiner = FlowRefiner(settings.flow_refiner, dim) if settings.flow_refiner else None
        self.native_flow = FlowMatcher(settings.flow_matcher, dim) if settings.flow_matcher else None
        self.logit_scale = nn.Parameter(torch.empty(())) if settings.logit_scale else None
        self.lm_head = None if settings.tied_head else TokenEmbedding(settings.vocab_size, dim)
        self.rotary = Rotary(settings.seq_len, settings.rope_dims, dim // settings.heads)

    def start(self, streams: Streams) -> None:
        """Skip weights, value-embedding scales and logit scale 1."""
        self.skip_weights.fill_(1.0)
        if self.settings.value_embedding:
            for scale in self.ve_layer_scales:
                scale.fill_(1.0)
        if self.logit_scale is not None:
            self.logit_scale.fill_(1.0)

    @torch.no_grad()
    def init_weights(self, seed: int) -> None:
        """Fill every parameter; each has a random stream of its own, seeded from (seed, its name)."""
        for name, module in self.named_modules():
            if isinstance(module, Part):
                module.start(Streams(seed, name))

    @contextmanager
    def constant_weights(self) -> Iterator[None]:
        """Inside, no weight changes and nothing is differentiated: what is made of weights alone is made once.

        Training makes it anew for every batch, whose gradient goes through it; a batch of few windows would spend more
        on it than on some of its layers. The digits are the same.
        """
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        with torch.no_grad():
            for block in blocks:
                block.kept = block.matrices()
        try:
            yield
        finally:
            for block in blocks:
                block.kept = None

    def hidden(self, input_ids: Tensor, last: int | None = None) -> Tensor:
        """Final hidden state after all corrections, (batch, time or last, dim)."""
        return self._corrected(self._refined(input_ids, last))

    def logits(self, input_ids: Tensor, last: int | None = None) -> Tensor:
        """Logits, (batch, time or last, vocab) float32."""
        return capped_logits(self.hidden(input_ids, last), self._head_weight(), self.settings.softcap)

    def token_losses(self, input_ids: Tensor, target_ids: Tensor, last: int | None = None) -> Tensor:
        """Nats of each position, (batch, time) float32, or of the last `last` positions only, (batch, last).

        With `last`, the last block's queries and MLP and the head are computed for those positions alone.
        """
        targets = target_ids if last is None else target_ids[:, -last:]
        x = self.hidden(input_ids, last).flatten(0, 1)
        nats, _, _ = head_losses(x, self._head_weight(), targets.flatten(), self.settings.softcap, gradients=False)
        return nats.view(targets.shape)

    def training_loss(
        self,
        input_ids: Tensor,
        target_ids: Tensor,
        generator: torch.Generator | None = None,
        auxiliary: bool = True,
    ) -> TrainingLoss:
        """Mean losses; `generator` gives the flow matcher's draws, `auxiliary=False` leaves its loss out."""
        x = self._refined(input_ids, None)
        corrected = self._corrected(x).flatten(0, 1)
        nats = MeanLoss.apply(corrected, self._head_weight(), target_ids.flatten(), self.settings.softcap)
        if self.native_flow is None or not auxiliary:
            return TrainingLoss(nats, nats, torch.zeros_like(nats))
        assert self.settings.flow_matcher is not None
        flow_loss = self.native_flow.loss(x, *draws(x.shape, generator, x.device))
        return TrainingLoss(nats + self.settings.flow_matcher.loss_weight * flow_loss, nats, flow_loss)

    def _embed(self, input_ids: Tensor) -> Tensor:
        """The blocks' input x0, (batch, time, dim)."""
        x = self.tok_emb(input_ids)
        if self.bigram is not None:
            x = x + self.bigram(input_ids)
        normed: Tensor = RMSNorm.apply(x)
        return normed if self.smear is None else self.smear(normed)

    def _extra_values(self, input_ids: Tensor) -> dict[int, Tensor]:
        """The value embedding's part of each listed block's values, by block index."""
        if not self.settings.value_embedding:
            return {}
        shared = self.ve_shared(input_ids)
        layers = self.settings.value_embedding.layers
        return {layer: scale * shared for layer, scale in zip(layers, self.ve_layer_scales, strict=True)}

    def _refined(self, input_ids: Tensor, last: int | None) -> Tensor:
        """Hidden state before the flow matcher's correction, (batch, time or last, dim)."""
        time = input_ids.shape[1]
        last = time if last is None else last
        needed = time if self.ttt_refiner is not None else last  # TTT-linear reads every position
        x = x0 = self._embed(input_ids)
        tables = self.rotary(time, x.device)
        extra_values = self._extra_values(input_ids)
        v0: Tensor | None = None
        stack: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            if index >= self.num_encoder and stack:
                x = torch.addcmul(x, self.skip_weights[index - self.num_encoder], stack.pop())
            kept = needed if index == len(self.blocks) - 1 else time
            x, raw_v = block(x, x0, tables, v0=v0, extra_v=extra_values.get(index), last=kept)
            v0 = raw_v if v0 is None else v0
            if index < self.num_encoder:
                stack.append(x)
        x = RMSNorm.apply(x)
        if self.ttt_refiner is not None:
            x = tail(x + self.ttt_refiner(x), last)
        return x if self.flow_refiner is None else x + self.flow_refiner(x)

    def _corrected(self, x: Tensor) -> Tensor:
        """x after the flow matcher's correction and the logit scale."""
        if self.native_flow is not None:
            x = x + self.native_flow.correction(x)
        return x if self.logit_scale is None else self.logit_scale * x

    def _head_weight(self) -> Tensor:
        """The output head's matrix, (vocab, dim)."""
        return self.tok_emb.weight if self.lm_head is None else self.lm_head.weight
