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
        self.bos_id = None if model.smear_across_documents else model.bos_id
        self.gate = nn.Parameter(torch.empty(model.dim))

    def start(self, streams: Streams) -> None:
        """Gate 0: an even mix."""
        self.gate.zero_()

    def before_blocks(self, x: Tensor, input_ids: Tensor) -> Tensor:
        """(batch, time, dim) -> the same shape; kept to its document, a token that begins one has 0 before it."""
        before = F.pad(x[:, :-1], (0, 0, 1, 0))
        if self.bos_id is not None:
            before = before.masked_fill((input_ids == self.bos_id)[..., None], 0.0)
        return torch.lerp(x, before, torch.sigmoid(self.gate).to(x.dtype))
