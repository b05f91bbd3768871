"""Flow refiner: a gated residual correction in a small latent space (docs/spec/model.md, M12)."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from flowgolf.model.initial import Streams, chosen_
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL, VECTOR, WEIGHT
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

GATE_START = -5.0


class FlowRefinerSettings(Settings):
    """Gated residual correction of the final hidden state in a small latent space."""

    latent_dim: int = Field(64, ge=1)
    """Width of the latent space."""
    hidden_dim: int = Field(256, ge=1)
    """Width of the network inside it."""
    init: Literal["orthogonal", "normal"] = "orthogonal"
    """Start of the projections: `orthogonal` is the published behaviour where both sides are >= 64."""


class FlowRefiner(Part):
    """`sigmoid(gate) * up(z + net(z))` with `z = down(x)`."""

    label = "flow refiner"
    order = 20
    roles = {
        "down_proj.weight": WEIGHT,
        "velocity_net.0.weight": WEIGHT,
        "velocity_net.0.bias": VECTOR,
        "velocity_net.2.weight": WEIGHT,
        "velocity_net.2.bias": VECTOR,
        "up_proj.weight": WEIGHT,
        "gate": CONTROL,
    }

    def __init__(self, settings: FlowRefinerSettings, model: CoreSettings) -> None:
        """From the model's width to the latent one and back."""
        super().__init__()
        self.init, dim = settings.init, model.dim
        self.down_proj = nn.Linear(dim, settings.latent_dim, bias=False)
        self.velocity_net = nn.Sequential(
            nn.Linear(settings.latent_dim, settings.hidden_dim),
            nn.GELU(),
            nn.Linear(settings.hidden_dim, settings.latent_dim),
        )
        self.up_proj = nn.Linear(settings.latent_dim, dim, bias=False)
        self.gate = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """Weights as the setting `init` says, the network's output layer and biases 0, gate -5."""
        for name in ("down_proj", "velocity_net.0", "up_proj"):
            chosen_(self.get_parameter(f"{name}.weight"), streams(f"{name}.weight"), self.init)
        for name in ("velocity_net.0.bias", "velocity_net.2.weight", "velocity_net.2.bias"):
            self.get_parameter(name).zero_()
        self.gate.fill_(GATE_START)

    def forward(self, x: Tensor) -> Tensor:
        """The correction of x (batch, time, dim), same shape."""
        z = self.down_proj(x)
        corrected: Tensor = self.up_proj(z + self.velocity_net(z))
        return torch.sigmoid(self.gate) * corrected

    def after_blocks(self, x: Tensor) -> Tensor:
        """Add the correction."""
        changed: Tensor = x + self(x)
        return changed
