"""What turns token ids into vectors: bigram hash, smear gate, value embedding (docs/spec/model.md, M8 to M10)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Part, Streams, linear_, normal_
from flowgolf.model.settings import BigramSettings, ValueEmbeddingSettings

TOKEN_STD = 0.005
VALUE_STD = 0.01
HASH_CURRENT, HASH_PREVIOUS = 36313, 27191  # docs/spec/model.md, M8


class TokenEmbedding(nn.Embedding, Part):
    """Token table (vocab, dim), normal start."""

    def start(self, streams: Streams) -> None:
        """Normal, std 0.005."""
        normal_(self.weight, streams("weight"), TOKEN_STD)


class Bigram(Part):
    """`scale * proj(embed[bucket])` of each pair of neighbouring tokens."""

    def __init__(self, settings: BigramSettings, dim: int, layers: int) -> None:
        """`dim` is the model dimension; `layers` divides the projection's start."""
        super().__init__()
        self.num_buckets, self.layers = settings.buckets, layers
        self.embed = nn.Embedding(settings.buckets, settings.dim)
        self.proj = nn.Linear(settings.dim, dim, bias=False)
        self.scale = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """Zeros in the table; projection by the rule, divided by sqrt(2 * layers); scale 0.05."""
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


class Smear(Part):
    """Per-channel mixing with the previous position: `(1-g) x[t] + g x[t-1]`, `g = sigmoid(gate)`, `x[-1] = 0`."""

    def __init__(self, dim: int) -> None:
        """One gate for each of the `dim` channels."""
        super().__init__()
        self.gate = nn.Parameter(torch.empty(dim))

    def start(self, streams: Streams) -> None:
        """Gate 0: an even mix."""
        self.gate.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, dim) -> the same shape."""
        return torch.lerp(x, F.pad(x[:, :-1], (0, 0, 1, 0)), torch.sigmoid(self.gate).to(x.dtype))


class ValueEmbedding(Part):
    """`scale * proj(embed[ids])`, added to the attention values of a few blocks."""

    def __init__(self, settings: ValueEmbeddingSettings, vocab_size: int, kv_dim: int) -> None:
        """`kv_dim` is the width of all key/value heads together."""
        super().__init__()
        self.embed = nn.Embedding(vocab_size, settings.dim)
        self.proj = nn.Linear(settings.dim, kv_dim, bias=False)
        self.scale = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """Table normal, std 0.01; projection 0; scale 0.1."""
        normal_(self.embed.weight, streams("embed.weight"), VALUE_STD)
        self.proj.weight.zero_()
        self.scale.fill_(0.1)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(batch, time) ids -> (batch, time, kv_dim)."""
        projected: Tensor = self.proj(self.embed(input_ids))
        return self.scale * projected
