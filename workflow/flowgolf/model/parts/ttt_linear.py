"""TTT-linear refiner: a linear model trained inside the forward pass, dual form.

Formulas: docs/spec/model.md, M13 (Sun et al., arXiv 2407.04620).
"""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.initial import Streams, linear_, normal_
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL, VECTOR, WEIGHT
from flowgolf.model.settings import CoreSettings
from flowgolf.settings import Settings

GATE_START = -5.0
NORM_EPS = 1e-6


class TTTLinearSettings(Settings):
    """Linear model trained at test time inside the forward pass (dual form)."""

    heads: int = Field(8, ge=1)
    """Heads that the model dimension is split into."""
    mini_batch: int = Field(16, ge=1)
    """Positions in one inner step; a shorter tail passes zero."""
    base_lr: float = Field(1.0, gt=0)
    """Inner learning rate before division by the head width."""

    def check_model(self, model: CoreSettings) -> None:
        """Refuse heads and mini-batches that the model's width and length cannot be cut into."""
        if model.dim % self.heads:
            raise ValueError(f"ttt_linear.heads: {self.heads} does not divide dim {model.dim}")
        if self.mini_batch > model.seq_len:
            raise ValueError(f"ttt_linear.mini_batch: {self.mini_batch} is longer than seq_len {model.seq_len}")


class TTTLinear(Part):
    """Per head, an inner linear model takes one gradient step a mini-batch of positions while they are read."""

    label = "TTT-linear"
    attribute = "ttt_refiner"
    order = 10
    reads_all = True
    roles = {
        **dict.fromkeys(("theta_K.weight", "theta_V.weight", "theta_Q.weight", "W1", "o_proj.weight"), WEIGHT),
        **dict.fromkeys(("b1", "ttt_ln_w", "ttt_ln_b", "post_norm.weight", "post_norm.bias"), VECTOR),
        "gate": CONTROL,
    }

    def __init__(self, settings: TTTLinearSettings, model: CoreSettings) -> None:
        """The model's width is a multiple of the heads."""
        super().__init__()
        dim = model.dim
        self.heads, self.mini_batch = settings.heads, settings.mini_batch
        self.head_dim = dim // settings.heads
        self.eta = settings.base_lr / self.head_dim
        self.theta_K = nn.Linear(dim, dim, bias=False)
        self.theta_V = nn.Linear(dim, dim, bias=False)
        self.theta_Q = nn.Linear(dim, dim, bias=False)
        self.W1 = nn.Parameter(torch.empty(self.heads, self.head_dim, self.head_dim))
        self.b1 = nn.Parameter(torch.empty(self.heads, 1, self.head_dim))
        self.ttt_ln_w = nn.Parameter(torch.empty(self.heads, self.head_dim))
        self.ttt_ln_b = nn.Parameter(torch.empty(self.heads, self.head_dim))
        self.o_proj = nn.Linear(dim, dim, bias=False)
        self.post_norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.gate = nn.Parameter(torch.empty(()))

    def start(self, streams: Streams) -> None:
        """Projections by the rule, inner weights normal 0.02, norms 1 and 0, output 0, gate -5."""
        for name in ("theta_K", "theta_V", "theta_Q"):
            linear_(self.get_parameter(f"{name}.weight"), streams(f"{name}.weight"))
        normal_(self.W1, streams("W1"), 0.02)
        for ones in (self.ttt_ln_w, self.post_norm.weight):
            ones.fill_(1.0)
        for zeros in (self.b1, self.ttt_ln_b, self.o_proj.weight, self.post_norm.bias):
            zeros.zero_()
        self.gate.fill_(GATE_START)

    def forward(self, x: Tensor) -> Tensor:
        """The correction of x (batch, time, dim), same shape; a tail shorter than a mini-batch gets zero."""
        batch, time, dim = x.shape
        num_steps = time // self.mini_batch
        read = x[:, : num_steps * self.mini_batch]

        def split(layer: nn.Linear) -> Tensor:  # (steps, batch, heads, mini_batch, head_dim)
            shape = (batch, num_steps, self.mini_batch, self.heads, self.head_dim)
            projected: Tensor = layer(read)
            return projected.view(shape).permute(1, 0, 3, 2, 4)

        outputs = self._inner_steps(split(self.theta_K), split(self.theta_V), split(self.theta_Q))
        out = outputs.permute(1, 0, 3, 2, 4).reshape(batch, num_steps * self.mini_batch, dim)
        padded = F.pad(self.post_norm(out), (0, 0, 0, time - out.shape[1]))
        projected: Tensor = self.o_proj(padded)
        return torch.sigmoid(self.gate) * projected

    def after_blocks(self, x: Tensor) -> Tensor:
        """Add the correction."""
        changed: Tensor = x + self(x)
        return changed

    def _inner_steps(self, keys: Tensor, values: Tensor, queries: Tensor) -> Tensor:
        """Read the mini-batches in order; all shapes are (steps, batch, heads, mini_batch, head_dim)."""
        weight: Tensor = self.W1  # (heads, head_dim, head_dim)
        bias: Tensor = self.b1  # (heads, 1, head_dim)
        causal = torch.ones(self.mini_batch, self.mini_batch, device=keys.device).tril()
        scores = (queries @ keys.transpose(-1, -2)) * causal
        targets = values - keys
        outputs = []
        for q, k, target, score in zip(queries, keys, targets, scores, strict=True):
            gradient = self._inner_gradient(k @ weight + bias, target)
            prediction = q @ weight + bias - self.eta * ((score + causal) @ gradient)
            outputs.append(q + self._norm(prediction))
            weight = weight - self.eta * (k.transpose(-1, -2) @ gradient)
            bias = bias - self.eta * gradient.sum(-2, keepdim=True)
        return torch.stack(outputs) if outputs else torch.zeros_like(queries)

    def _norm(self, z: Tensor) -> Tensor:
        """Layer norm over head_dim with a weight and bias per head."""
        normed = F.layer_norm(z, (self.head_dim,), eps=NORM_EPS)
        return normed * self.ttt_ln_w[:, None] + self.ttt_ln_b[:, None]

    def _inner_gradient(self, z: Tensor, target: Tensor) -> Tensor:
        """Gradient with respect to z of `0.5 * |norm(z) - target|^2`."""
        deviation = torch.rsqrt(z.var(-1, correction=0, keepdim=True) + NORM_EPS)
        normed = (z - z.mean(-1, keepdim=True)) * deviation
        outer = (normed * self.ttt_ln_w[:, None] + self.ttt_ln_b[:, None] - target) * self.ttt_ln_w[:, None]
        inner = outer - outer.mean(-1, keepdim=True) - normed * (outer * normed).mean(-1, keepdim=True)
        return inner * deviation
