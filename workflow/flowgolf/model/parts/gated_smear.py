"""Smear with a gate: a learned share of the previous token's vector, never from another document."""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Streams
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

AFTER = "smear_across_documents"


class GatedSmearSettings(Settings):
    """Share of the previous token's vector that a gate on the first channels lets in."""

    window: int = Field(12, ge=1)
    """Channels that the gate reads."""

    def check_model(self, model: CoreSettings) -> None:
        """Refuse a window wider than the model."""
        if self.window > model.dim:
            raise ValueError(f"gated_smear.window: {self.window} is more than dim {model.dim}")


class GatedSmear(Part):
    """`x[t] += lambda * sigmoid(w . x[t, :window]) * x[t-1]`, 0 where token t is BOS (docs/spec/model.md, M24)."""

    label = "gated smear"
    attribute = "smear_gate"
    order = 10
    roles = {"weight": CONTROL, "share": CONTROL}
    saved_as = {"share": "smear_lambda"}

    def __init__(self, settings: GatedSmearSettings, model: CoreSettings) -> None:
        """One row of weights and one number."""
        super().__init__()
        self.window, self.bos_id = settings.window, model.bos_id
        self.weight = nn.Parameter(torch.empty(1, settings.window))
        self.share = nn.Parameter(torch.empty(1))

    def start(self, streams: Streams) -> None:
        """Both 0: no change."""
        self.weight.zero_()
        self.share.zero_()

    def after_embedding(self, x: Tensor, input_ids: Tensor) -> Tensor:
        """Add to each position but the first its share of the one before, as that was."""
        gate = self.share * torch.sigmoid(F.linear(x[:, 1:, : self.window], self.weight))
        gate = gate.masked_fill((input_ids[:, 1:] == self.bos_id)[..., None], 0.0)
        return torch.cat((x[:, :1], torch.addcmul(x[:, 1:], gate.to(x.dtype), x[:, :-1])), dim=1)
