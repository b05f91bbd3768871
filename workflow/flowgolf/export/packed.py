"""One tensor at one width: its integers as symbols, their order, and their coded streams, each made once."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from flowgolf.export.codec import Coding
from flowgolf.export.compress import at_level, brotli_compress, level_pays, literals_only
from flowgolf.export.dequantize import dequantize
from flowgolf.export.grouping import arrange, best_grouping, symbol_entropy_bytes
from flowgolf.export.layout import Grouping, Symbols
from flowgolf.export.quantize import Quantised
from flowgolf.export.range_encode import range_compress


@dataclass(frozen=True)
class Packed:
    """A tensor at one width, ready for the coder."""

    quantised: Quantised
    bits: int
    symbols: Symbols
    """uint8, q + 2**(bits - 1): (rows, columns)."""
    grouping: Grouping
    entropy_bytes: float
    """Order-0 entropy of the symbols."""
    streams: dict[Coding, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, quantised: Quantised, bits: int) -> "Packed":
        """Group the symbols of a quantised tensor."""
        symbols = to_symbols(quantised.q, bits)
        return cls(quantised, bits, symbols, best_grouping(symbols, 2 ** (bits - 1)), symbol_entropy_bytes(symbols))

    @cached_property
    def literals(self) -> bytes:
        """The zstd stream without matches, the same for all levels."""
        return literals_only(arrange(self.symbols, self.grouping))

    @property
    def stored(self) -> Tensor:
        """The float32 weights that a reader gets, shape of the tensor."""
        return dequantize(self.quantised.q, self.quantised.scale)

    def stream(self, coding: Coding) -> bytes:
        """Coded integers."""
        if coding not in self.streams:
            groups = arrange(self.symbols, self.grouping)
            if coding.codec == "zstd":
                assert coding.level is not None
                self.streams[coding] = self.zstd_stream(groups, coding.level)
            else:
                self.streams[coding] = (range_compress if coding.codec == "range" else brotli_compress)(groups)
        return self.streams[coding]

    def zstd_stream(self, groups: list[Symbols], level: int) -> bytes:
        """The smaller of literals only and, where it promises to pay, `level`."""
        if not level_pays(groups, level):
            return self.literals
        return min(self.literals, at_level(groups, level), key=len)


def to_symbols(q: Tensor, bits: int) -> Symbols:
    """Integers as non-negative bytes (rows, columns)."""
    shifted = q.to(torch.int16) + 2 ** (bits - 1)
    columns = q.shape[-1] if q.dim() else 1
    symbols: Symbols = shifted.to(torch.uint8).reshape(-1, columns).numpy()
    return symbols
