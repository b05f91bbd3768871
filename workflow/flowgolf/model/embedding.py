"""The token table and the output head, which may be the same matrix, and what joins a narrow one to the blocks."""

from torch import nn

from flowgolf.model.initial import Streams, linear_, normal_
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


class WidthProjection(nn.Linear, Described):
    """A matrix between the width of the token table and that of the blocks (docs/spec/model.md, M22)."""

    label = "embedding projections"
    roles = {"weight": Role("matrices", "int8", "product")}  # noqa: RUF012 - as every module's roles

    def __init__(self, width_in: int, width_out: int) -> None:
        """Without bias."""
        super().__init__(width_in, width_out, bias=False)

    def start(self, streams: Streams) -> None:
        """By the rule."""
        linear_(self.weight, streams("weight"))
