"""Per-channel mixing with the previous position."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Streams
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL
from flowgolf.model.settings import CoreSettings

ON = True
AFTER = "tied_head"


class Smear(Part):
    """`(1-g) x[t] + g x[t-1]` with `g = sigmoid(gate)` per channel and `x[-1] = 0` (docs/spec/model.md, M9)."""

    label = "smear"
    roles = {"gate": CONTROL}

    def __init__(self, _: bool, model: CoreSettings) -> None:
        """One gate for each channel."""
        super().__init__()
        self.gate = nn.Parameter(torch.empty(model.dim))

    def start(self, streams: Streams) -> None:
        """Gate 0: an even mix."""
        self.gate.zero_()

    def before_blocks(self, x: Tensor) -> Tensor:
        """(batch, time, dim) -> the same shape."""
        return torch.lerp(x, F.pad(x[:, :-1], (0, 0, 1, 0)), torch.sigmoid(self.gate).to(x.dtype))
