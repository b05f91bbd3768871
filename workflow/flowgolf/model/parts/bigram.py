"""Hashed bigram embedding: a table of neighbouring pairs, added to the token embedding (docs/spec/model.md, M8)."""

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Streams, linear_
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL, TABLE, Role
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

ON = True
HASH_CURRENT, HASH_PREVIOUS = 36313, 27191  # docs/spec/model.md, M8


class BigramSettings(Settings):
    """Hashed bigram embedding added to the token embedding."""

    buckets: int = Field(default=4096, ge=2)
    """Rows of the hashed table; the last is kept for the first position."""
    dim: int = Field(default=128, ge=1)
    """Width of a row before its projection to the model dimension."""


class Bigram(Part):
    """`scale * proj(embed[bucket])` of each pair of neighbouring tokens."""

    label = "bigram"
    roles = {"embed.weight": TABLE, "proj.weight": Role("matrices", "int8", "product"), "scale": CONTROL}

    def __init__(self, settings: BigramSettings, model: CoreSettings) -> None:
        """The model's depth divides the start of the projection."""
        super().__init__()
        self.num_buckets, self.layers = settings.buckets, model.layers
        self.embed = nn.Embedding(settings.buckets, settings.dim)
        self.proj = nn.Linear(settings.dim, model.dim, bias=False)
        self.scale = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """The table starts as 0, the projection by the rule, divided by sqrt(2 * layers), the scale as 0.05."""
        self.embed.weight.zero_()
        linear_(self.proj.weight, streams("proj.weight"), math.sqrt(2 * self.layers))
        self.scale.fill_(0.05)

    def buckets(self, input_ids: Tensor) -> Tensor:
        """Bucket of each position, (batch, time) int32; the first position has the last bucket."""
        ids = input_ids.to(torch.int32)
        mixed = torch.bitwise_xor(HASH_CURRENT * ids[:, 1:], HASH_PREVIOUS * ids[:, :-1])
        return F.pad(mixed % (self.num_buckets - 1), (1, 0), value=self.num_buckets - 1)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(batch, time) ids -> (batch, time, dim)."""
        projected: Tensor = self.proj(self.embed(self.buckets(input_ids)))
        return self.scale * projected

    def after_embedding(self, x: Tensor, input_ids: Tensor) -> Tensor:
        """Add the pairs' vectors."""
        changed: Tensor = x + self(input_ids)
        return changed
