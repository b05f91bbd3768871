"""Per-head sigmoid gate on the attention output."""

import torch
from torch import Tensor, nn

from flowgolf.model.initial import ORTHOGONAL_MIN_SIDE, Streams, linear_
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL, Role
from flowgolf.model.settings import CoreSettings

ON = True
AFTER = "value_residual"


class GatedAttention(Part):
    """`y *= sigmoid(weight @ x + bias)` per head, where x is the attention's input (docs/spec/model.md, M5)."""

    label = "attention gates"
    attribute = "attn_gate"
    per_block = True
    roles = {"weight": Role("rest", "control", "product"), "bias": CONTROL}

    def __init__(self, _: bool, model: CoreSettings, index: int) -> None:
        """One row a head."""
        super().__init__()
        self.heads = model.heads
        self.weight = nn.Parameter(torch.empty(model.heads, model.dim))
        self.bias = nn.Parameter(torch.empty(model.heads))

    def start(self, streams: Streams) -> None:
        """Bias 4: nearly open. Weight 0, or by the rule if there are many heads."""
        self.bias.fill_(4.0)
        self.weight.zero_()
        if self.heads >= ORTHOGONAL_MIN_SIDE:
            linear_(self.weight, streams("weight"))

    def query_rows(self) -> Tensor:
        """The gates' logits cost one row a head in the product of the queries."""
        return self.weight

    def after_attention(self, y: Tensor, rows: Tensor) -> Tensor:
        """Each head times its gate."""
        return y * torch.sigmoid(rows + self.bias).unsqueeze(-1).to(y.dtype)
