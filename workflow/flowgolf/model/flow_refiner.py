"""Flow refiner: a gated residual correction in a small latent space (docs/spec/model.md, M12)."""

import torch
from torch import Tensor, nn

from flowgolf.model.initial import Part, Streams, chosen_
from flowgolf.model.settings import FlowRefinerSettings

GATE_START = -5.0


class FlowRefiner(Part):
    """`sigmoid(gate) * up(z + net(z))` with `z = down(x)`."""

    def __init__(self, settings: FlowRefinerSettings, dim: int) -> None:
        """`dim` is the model dimension."""
        super().__init__()
        self.init = settings.init
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
