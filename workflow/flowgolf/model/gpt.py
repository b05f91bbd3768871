"""The transformer: blocks in a U-Net, parts on the final hidden state, its losses (docs/spec/model.md, M3 and M20)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from flowgolf.model import parameters
from flowgolf.model.attention import Rotary, document_mask, tail
from flowgolf.model.block import Block
from flowgolf.model.chosen import Chosen, chosen_parts
from flowgolf.model.embedding import OutputHead, TokenEmbedding, WidthProjection
from flowgolf.model.fused import RMSNorm, product_dtype, rms_norm
from flowgolf.model.head import MeanLoss, head_losses, squashed_logits
from flowgolf.model.initial import Streams
from flowgolf.model.order import block_order
from flowgolf.model.part import HOOKS, Described, Draws, Part, acts
from flowgolf.model.roles import CONTROL
from flowgolf.model.settings import ModelSettings


class TrainingLoss(NamedTuple):
    """Mean losses of a batch, scalars."""

    total: Tensor
    """What is differentiated: cross-entropy plus the weighted auxiliary loss."""
    cross_entropy: Tensor
    """Nats per token."""
    auxiliary: Tensor
    """Auxiliary losses of the parts before their weights; 0 without any."""


class GPT(Described):
    """The model that `settings` describe; call `init_weights` or load a state dict before use."""

    label = "skip weights"
    roles = {"skip_weights": CONTROL, "skip_gates": CONTROL}

    def __init__(self, settings: ModelSettings) -> None:
        """Weights are left unset; under torch.device("meta") nothing is allocated.

        PartRoleError for a part whose parameters do not all say what they are for.
        """
        super().__init__()
        self.settings = settings
        dim, layers, chosen = settings.dim, settings.layers, chosen_parts(settings)
        whole = [each for each in chosen if not each.kind.per_block]
        before = [each for each in whole if acts(each.kind, "after_embedding") or acts(each.kind, "before_blocks")]
        self.looping = True
        """Whether the blocks of the recurrence run again; a training sets it, everything else loops."""
        self.plain_order = block_order(layers, settings.recurrence, looping=False)
        self.looped_order = block_order(layers, settings.recurrence)
        width = settings.embedding_dim or dim
        self.tok_emb = TokenEmbedding(settings.vocab_size, width, settings.tied_head)
        self.embed_proj = None if width == dim else WidthProjection(width, dim)
        parts = self._hang(before)
        skips = (self.looped_order.skips, dim)
        self.skip_weights = nn.Parameter(torch.empty(skips))
        self.skip_gates = nn.Parameter(torch.empty(skips)) if settings.skip_gates else None
        self.blocks = nn.ModuleList(Block(settings, index, chosen) for index in range(layers))
        parts += self._hang([each for each in whole if each not in before])
        self.acting = {hook: [part for part in parts if acts(type(part), hook)] for hook in HOOKS}
        """Parts by the place where they act, each in the order in which they do."""
        self.finishing = [part for part in parts if part in self.acting["after_blocks"] + self.acting["auxiliary_loss"]]
        self.reading_all = max((i + 1 for i, part in enumerate(self.finishing) if part.reads_all), default=0)
        """How many of the finishing parts are given every position."""
        self.head_proj = None if width == dim else WidthProjection(dim, width)
        self.lm_head = None if settings.tied_head else OutputHead(settings.vocab_size, width)
        self.rotary = Rotary(settings.seq_len, settings.rope_dims, dim // settings.heads, settings.rope_scale_from)
        self.known = parameters.known(self, list(self.blocks))
        """What each parameter is for, by its name here."""
        self.renamed = {name: each.saved_as for name, each in self.known.items() if each.saved_as != name}
        self.register_state_dict_post_hook(to_saved_names)
        self.register_load_state_dict_pre_hook(from_saved_names)

    def _hang(self, chosen: Sequence[Chosen]) -> list[Part]:
        """Build parts and make them submodules."""
        parts = []
        for name, kind, own in chosen:
            parts.append(kind(own, self.settings))
            self.add_module(name, parts[-1])
        return parts

    def start(self, streams: Streams) -> None:
        """Skip weights 1, their gates 0."""
        self.skip_weights.fill_(1.0)
        if self.skip_gates is not None:
            self.skip_gates.zero_()

    def init_weights(self, seed: int) -> None:
        """Fill every parameter; each has a random stream of its own, seeded from (seed, its name)."""
        parameters.start(self, seed)

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
        """Final hidden state after all parts, (batch, time or last, dim)."""
        return self._finished(self._blocks_output(input_ids, last), last)[0]

    def logits(self, input_ids: Tensor, last: int | None = None) -> Tensor:
        """The full distribution before its softmax, (batch, time or last, vocab) float32; what replays look at."""
        softcap = self.settings.softcap
        return softcap * squashed_logits(self.head_input(self.hidden(input_ids, last)), self._head_weight(), softcap)

    def token_losses(self, input_ids: Tensor, target_ids: Tensor, last: int | None = None) -> Tensor:
        """Nats of each position, (batch, time) float32, or of the last `last` positions only, (batch, last).

        With `last`, the last block's queries and MLP and the head are computed for those positions alone.
        """
        targets = target_ids if last is None else target_ids[:, -last:]
        x = self.head_input(self.hidden(input_ids, last)).flatten(0, 1)
        nats, _, _ = head_losses(x, self._head_weight(), targets.flatten(), self.settings.softcap, gradients=False)
        return nats.view(targets.shape)

    def training_loss(
        self,
        input_ids: Tensor,
        target_ids: Tensor,
        draws: Sequence[Draws] | None = None,
        auxiliary: bool = True,
    ) -> TrainingLoss:
        """Mean losses; `draws` are those of `self.draws`, made here if there are none.

        `auxiliary=False` leaves the parts' losses out. With draws it holds no random generator, so it compiles to one
        graph.
        """
        x, seen = self._finished(self._blocks_output(input_ids, None), None)
        read = self.head_input(x).flatten(0, 1)
        nats = MeanLoss.apply(read, self._head_weight(), target_ids.flatten(), self.settings.softcap)
        total, losses = nats, torch.zeros_like(nats)
        if auxiliary and draws is None:
            draws = self.draws(input_ids, None)
        for (part, given), drawn in zip(seen, draws or (), strict=True) if auxiliary else ():
            loss = part.auxiliary_loss(given, drawn)
            total, losses = total + part.loss_weight * loss, losses + loss
        return TrainingLoss(total, nats, losses)

    def draws(self, input_ids: Tensor, generator: torch.Generator | None) -> list[Draws]:
        """What each part with a loss draws at random for ids (batch, time), in the order in which they act."""
        shape = torch.Size((*input_ids.shape, self.settings.dim))
        losing = [part for part in self.finishing if part in self.acting["auxiliary_loss"]]
        return [part.draws(shape, generator, input_ids.device) for part in losing]

    def _embed(self, input_ids: Tensor) -> Tensor:
        """The blocks' input x0, (batch, time, dim)."""
        x: Tensor = self.tok_emb(input_ids)
        if self.embed_proj is not None:
            x = self.embed_proj(rms_norm(x))
        for part in self.acting["after_embedding"]:
            x = part.after_embedding(x, input_ids)
        if self.embed_proj is None:
            x = RMSNorm.apply(x, x.dtype)
        for part in self.acting["before_blocks"]:
            x = part.before_blocks(x, input_ids)
        return x.to(self._stream_dtype(x))

    def _stream_dtype(self, x: Tensor) -> torch.dtype:
        """Type of the residual stream."""
        narrow = self.settings.residual_stream == "bfloat16"
        return product_dtype(x) if narrow else torch.promote_types(x.dtype, torch.float32)

    def _extra_values(self, input_ids: Tensor) -> dict[int, Tensor]:
        """What the parts add to the attention values, by block index."""
        extra: dict[int, Tensor] = {}
        for part in self.acting["add_values"]:
            for index, values in part.add_values(input_ids).items():
                extra[index] = extra[index] + values if index in extra else values
        return extra

    def _blocks_output(self, input_ids: Tensor, last: int | None) -> Tensor:
        """Normed output of the last block, (batch, time or last, dim); all positions if a part reads them all."""
        time = input_ids.shape[1]
        needed = time if last is None or self.reading_all else last
        x = x0 = self._embed(input_ids)
        tables = self.rotary(time, x.device)
        extra_values = self._extra_values(input_ids)
        mask = document_mask(input_ids, self.settings.bos_id) if self.settings.document_masks else None
        first, second = self.looped_order if self.looping else self.plain_order
        runs = len(first) + len(second)
        v0: Tensor | None = None
        stack: list[Tensor] = []
        for turn, index in enumerate((*first, *second)):
            if turn >= len(first) and stack:
                x = self._take_skip(x, stack.pop(), turn - len(first))
            for part in self.acting["before_block"]:
                x = part.before_block(x, x0, index)
            kept = needed if turn == runs - 1 else time
            extra_v = extra_values.get(index)
            x, raw_v = self.blocks[index](x, x0, tables, v0=v0, extra_v=extra_v, last=kept, mask=mask)
            v0 = raw_v if v0 is None else v0
            if turn < len(first):
                stack.append(x)
        return rms_norm(x)

    def _take_skip(self, x: Tensor, skipped: Tensor, row: int) -> Tensor:
        """x with an output of the first half, by a row of the skip weights and of their gates if there are some."""
        weight = self.skip_weights[row].to(x.dtype)
        if self.skip_gates is None:
            return torch.addcmul(x, weight, skipped)
        return torch.lerp(weight * skipped, x, torch.sigmoid(self.skip_gates[row]).to(x.dtype))

    def _finished(self, x: Tensor, last: int | None) -> tuple[Tensor, list[tuple[Part, Tensor]]]:
        """x after the parts that change the final hidden state, and what each part with a loss was given."""
        last, seen = x.shape[1] if last is None else last, []
        for index, part in enumerate(self.finishing):
            x = x if index < self.reading_all else tail(x, last)
            if part in self.acting["auxiliary_loss"]:
                seen.append((part, x))
            x = part.after_blocks(x)
        return tail(x, last), seen

    def head_input(self, x: Tensor) -> Tensor:
        """What the output head's matrix multiplies: the final hidden state, as narrow as the token table."""
        if self.head_proj is None:
            return x
        narrowed: Tensor = self.head_proj(x)
        return narrowed

    def _head_weight(self) -> Tensor:
        """The output head's matrix, (vocab, dim or embedding_dim)."""
        return self.tok_emb.weight if self.lm_head is None else self.lm_head.weight


def to_saved_names(gpt: GPT, state: dict[str, Tensor], prefix: str, _: object) -> None:
    """Give the weights in a state dict their names in files."""
    for name, saved_as in gpt.renamed.items():
        state[prefix + saved_as] = state.pop(prefix + name)


def from_saved_names(gpt: GPT, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Give weights from a file their names on the model; what is not there is left for torch to miss."""
    for name, saved_as in gpt.renamed.items():
        if prefix + saved_as in state:
            state[prefix + name] = state.pop(prefix + saved_as)
