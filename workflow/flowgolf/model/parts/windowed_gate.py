"""Per-head gate on the attention output that reads the first channels only (docs/spec/model.md, M23)."""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Streams
from flowgolf.model.part import Part
from flowgolf.model.roles import Role
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

AFTER = "parallel_from"


class WindowedGateSettings(Settings):
    """Gate on each head's output from the first channels of the attention's input."""

    window: int = Field(12, ge=1)
    """Channels that it reads."""
    scale: float = Field(1.0, gt=0)
    """Constant factor on the gate's logits."""
    transparent: bool = False
    """Multiply by twice the gate, without the factor: 1 at the start, where the other form is a half."""

    def check_model(self, model: CoreSettings) -> None:
        """Refuse a window wider than the model."""
        if self.window > model.dim:
            raise ValueError(f"windowed_gate.window: {self.window} is more than dim {model.dim}")
        if self.transparent and self.scale != 1.0:
            raise ValueError(f"windowed_gate.scale: {self.scale} plays no part where transparent is true; leave it 1.0")


class WindowedGate(Part):
    """`y *= sigmoid(scale * W x[:window])` per head, or `y *= 2 * sigmoid(W x[:window])`."""

    label = "windowed gates"
    per_block = True
    roles = {"weight": Role("rest", "control", "product")}

    def __init__(self, settings: WindowedGateSettings, model: CoreSettings, index: int) -> None:
        """One row a head; the two forms have the names that records have given them."""
        super().__init__()
        self.doubled, self.scale = settings.transparent, settings.scale
        self.beyond = model.dim - settings.window
        self.weight = nn.Parameter(torch.empty(model.heads, settings.window))
        own = "attn_gate_proj.weight" if settings.transparent else "attn_gate_w"
        self.saved_as = {"weight": f"blocks.{index}.attn.{own}"}

    def start(self, streams: Streams) -> None:
        """Weight 0."""
        self.weight.zero_()

    def query_rows(self) -> Tensor:
        """The gates' rows with 0 beyond the window, so that they cost no product of their own."""
        return F.pad(self.weight, (0, self.beyond))

    def after_attention(self, y: Tensor, rows: Tensor) -> Tensor:
        """Each head times its gate."""
        gate = torch.sigmoid(self.scale * rows).unsqueeze(-1)
        return y * (2 * gate if self.doubled else gate)
