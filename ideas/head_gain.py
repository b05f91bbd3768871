"""A learned gain on the output of each attention head, per block; an example of a part (docs/ideas.md)."""

import torch
from pydantic import Field
from torch import Tensor, nn

from flowgolf.model.initial import Streams
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings


class HeadGainSettings(Settings):
    """A gain on the output of each attention head."""

    start: float = Field(1.0, gt=0)
    """Gain of every head before training."""


class HeadGain(Part):
    """`gain[h] * y[h]`: heads that do not help can be turned down."""

    label = "head gain"
    per_block = True
    roles = {"gain": CONTROL}

    def __init__(self, settings: HeadGainSettings, model: CoreSettings, index: int) -> None:
        """One number a head."""
        super().__init__()
        self.first = settings.start
        self.gain = nn.Parameter(torch.empty(model.heads))

    def start(self, streams: Streams) -> None:
        """All heads alike."""
        self.gain.fill_(self.first)

    def after_attention(self, y: Tensor, rows: Tensor) -> Tensor:
        """(batch, last, heads, head_dim) -> the same shape."""
        return y * self.gain[:, None]
