"""Control arm: one learned scale on the final hidden state."""

import torch
from torch import Tensor, nn

from flowgolf.model.initial import Streams
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL

AFTER = "xsa_layers"


class LogitScale(Part):
    """`scale * x`, which softens or sharpens all predictions alike (docs/spec/model.md, M14)."""

    label = "logit scale"
    order = 40
    roles = {"scale": CONTROL}
    saved_as = {"scale": "logit_scale"}

    def __init__(self, *_: object) -> None:
        """One number."""
        super().__init__()
        self.scale = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """Scale 1: no change."""
        self.scale.fill_(1.0)

    def after_blocks(self, x: Tensor) -> Tensor:
        """(batch, time, dim) -> the same shape."""
        return self.scale * x
