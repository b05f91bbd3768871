"""The token table and the output head, which may be the same matrix."""

from torch import nn

from flowgolf.model.initial import Streams, normal_
from flowgolf.model.part import Described
from flowgolf.model.roles import TABLE, Role

TOKEN_STD = 0.005
HEAD = Role("embeddings", "int8", "product")


class TokenEmbedding(nn.Embedding, Described):
    """Token table (vocab, dim), normal start."""

    label = "token embedding"

    def __init__(self, vocab_size: int, dim: int, tied: bool) -> None:
        """A `tied` table is the output head's matrix too."""
        super().__init__(vocab_size, dim)
        self.roles = {"weight": HEAD if tied else TABLE}

    def start(self, streams: Streams) -> None:
        """Normal, std 0.005."""
        normal_(self.weight, streams("weight"), TOKEN_STD)


class OutputHead(TokenEmbedding):
    """A matrix (vocab, dim) of the output head's own."""

    label = "output head"

    def __init__(self, vocab_size: int, dim: int) -> None:
        """Starts like the token table."""
        super().__init__(vocab_size, dim, tied=True)
