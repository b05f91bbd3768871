"""Value embedding: a second token table, added to the attention values of a few blocks."""

import torch
from pydantic import Field
from torch import Tensor, nn

from flowgolf.model.initial import Streams, normal_
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL, TABLE, WEIGHT
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

AFTER = "bigram"
TABLE_STD = 0.01


class ValueEmbeddingSettings(Settings):
    """Token embedding added to the attention values of a few blocks."""

    dim: int = Field(128, ge=1)
    """Width of the table before its projection to the key/value width."""
    layers: list[int] = [9, 10]
    """Blocks whose values receive it, counted from 0."""

    def check_model(self, model: CoreSettings) -> None:
        """Refuse blocks that the model does not have."""
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"value_embedding.layers: {self.layers} names a block twice")
        if not set(self.layers) <= set(range(model.layers)):
            raise ValueError(f"value_embedding.layers: {self.layers} must lie in 0..{model.layers - 1}")


class ValueEmbedding(Part):
    """`scale * proj(embed[ids])`, times a scale of each listed block (docs/spec/model.md, M10)."""

    label = "value embedding"
    attribute = "ve_shared"

    def __init__(self, settings: ValueEmbeddingSettings, model: CoreSettings) -> None:
        """The projection goes to the width of all key/value heads together."""
        super().__init__()
        self.layers = settings.layers
        self.embed = nn.Embedding(model.vocab_size, settings.dim)
        self.proj = nn.Linear(settings.dim, model.dim // model.heads * model.kv_heads, bias=False)
        self.scale = nn.Parameter(torch.empty(()))
        self.layer_scales = nn.ParameterList(torch.empty(1) for _ in settings.layers)
        scales = [f"layer_scales.{index}" for index in range(len(settings.layers))]
        self.roles = {"embed.weight": TABLE, "proj.weight": WEIGHT, "scale": CONTROL, **dict.fromkeys(scales, CONTROL)}
        self.saved_as = {name: f"ve_{name}" for name in scales}

    def start(self, streams: Streams) -> None:
        """Table normal, std 0.01; projection 0; scale 0.1; scales of the blocks 1."""
        normal_(self.embed.weight, streams("embed.weight"), TABLE_STD)
        self.proj.weight.zero_()
        self.scale.fill_(0.1)
        for scale in self.layer_scales:
            scale.fill_(1.0)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(batch, time) ids -> (batch, time, kv_dim), before the blocks' scales."""
        projected: Tensor = self.proj(self.embed(input_ids))
        return self.scale * projected

    def add_values(self, input_ids: Tensor) -> dict[int, Tensor]:
        """The shared vectors times the scale of each listed block."""
        shared = self(input_ids)
        return {layer: scale * shared for layer, scale in zip(self.layers, self.layer_scales, strict=True)}
