"""Native flow matcher: optimal-transport conditional flow matching on the final hidden state.

Formulas: docs/spec/model.md, M11 (Lipman et al., arXiv 2210.02747; Tong et al., arXiv 2302.00482).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Streams, chosen_
from flowgolf.model.part import Draws, Part
from flowgolf.model.roles import CONTROL, VECTOR, WEIGHT
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

GATE_START = -5.0  # sigmoid: 0.0067
FREQUENCY_BASE = 10000.0


class FlowMatcherSettings(Settings):
    """Conditional flow matching on the final hidden state (the studied part)."""

    hidden_dim: int = Field(256, ge=1)
    """Width of the velocity network."""
    loss_weight: float = Field(0.1, ge=0)
    """Weight of the flow-matching loss beside the cross-entropy."""
    init: Literal["orthogonal", "normal"] = "orthogonal"
    """Start of the input layers: `orthogonal` is the published behaviour at hidden_dim >= 64."""

    def check_model(self, model: CoreSettings) -> None:
        """Refuse a width that does not split into sines and cosines."""
        if model.dim % 2:
            raise ValueError(f"dim: {model.dim} must be even for the flow matcher's time features")


class FlowMatcher(Part):
    """Velocity `v_out(gelu(v_in(x) + time(t)))`, its gated correction at t = 1 and its training loss."""

    label = "flow matcher"
    attribute = "native_flow"
    order = 30
    roles = {
        "v_in.weight": WEIGHT,
        "v_in.bias": VECTOR,
        "time_proj.0.weight": WEIGHT,
        "time_proj.0.bias": VECTOR,
        "v_out.weight": WEIGHT,
        "gate": CONTROL,
    }

    def __init__(self, settings: FlowMatcherSettings, model: CoreSettings) -> None:
        """The model's width is even."""
        super().__init__()
        self.init, self.dim, self.loss_weight = settings.init, model.dim, settings.loss_weight
        dim = model.dim
        self.v_in = nn.Linear(dim, settings.hidden_dim)
        self.time_proj = nn.Sequential(nn.Linear(dim, settings.hidden_dim), nn.GELU())
        self.v_out = nn.Linear(settings.hidden_dim, dim, bias=False)
        self.gate = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """Input weights as the setting `init` says, biases and output 0, gate -5."""
        for name in ("v_in", "time_proj.0"):
            layer = self.get_submodule(name)
            chosen_(layer.get_parameter("weight"), streams(f"{name}.weight"), self.init)
            layer.get_parameter("bias").zero_()
        self.v_out.weight.zero_()
        self.gate.fill_(GATE_START)

    def time_features(self, t: Tensor) -> Tensor:
        """`[sin(t w), cos(t w)]` of t (...,): (..., dim)."""
        half = self.dim // 2
        steps = torch.arange(half, dtype=torch.float32, device=t.device)
        frequencies = FREQUENCY_BASE ** (-steps / max(half - 1, 1))
        angles = t.float().unsqueeze(-1) * frequencies
        return torch.cat((angles.sin(), angles.cos()), dim=-1)

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Velocity at x (batch, time, dim) and flow time t, (batch, time) or one value for all positions."""
        velocity: Tensor = self.v_out(F.gelu(self.v_in(x) + self.time_proj(self.time_features(t))))
        return velocity

    def after_blocks(self, x: Tensor) -> Tensor:
        """Add the correction."""
        return x + self.correction(x)

    def correction(self, x: Tensor) -> Tensor:
        """`sigmoid(gate) * v(x, 1)`, (batch, time, dim)."""
        return torch.sigmoid(self.gate) * self.velocity(x, torch.ones((), device=x.device))

    def draws(self, shape: torch.Size, generator: torch.Generator | None, device: torch.device) -> Draws:
        """t uniform (batch, time) and z normal (batch, time, dim), in this order."""
        source = device if generator is None else generator.device
        t = torch.rand(shape[:2], generator=generator, device=source)
        z = torch.randn(shape, generator=generator, device=source)
        return t.to(device), z.to(device)

    def auxiliary_loss(self, x: Tensor, draws: Draws) -> Tensor:
        """The flow-matching loss for these draws."""
        return self.loss(x, *draws)

    def loss(self, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Mean squared error of the velocity on the way from noise z to x, for given draws; x gets no gradient.

        x and z are (batch, time, dim), t is (batch, time) in [0, 1]; `x_t = (1-t) z + t x`, target `x - z`.
        """
        x = x.detach().float()
        x_t = torch.lerp(z, x, t.unsqueeze(-1))
        return F.mse_loss(self.velocity(x_t, t).float(), x - z)
