"""Feed-forward layer with a squared leaky ReLU (docs/spec/model.md, M7)."""

from torch import Tensor, nn
from torch.nn import functional as F

from flowgolf.model.fused import SquaredLeakyReLU
from flowgolf.model.initial import Streams, linear_
from flowgolf.model.part import Described
from flowgolf.model.roles import BLOCK_MATRIX


class MLP(Described):
    """`proj(leaky_relu(fc(x), 0.5)^2)`."""

    label = "MLP"
    roles = {"fc.weight": BLOCK_MATRIX, "proj.weight": BLOCK_MATRIX}

    def __init__(self, dim: int, hidden_dim: int) -> None:
        """`dim` in and out, `hidden_dim` between."""
        super().__init__()
        self.fc = nn.Linear(dim, hidden_dim, bias=False)
        self.proj = nn.Linear(hidden_dim, dim, bias=False)

    def start(self, streams: Streams) -> None:
        """`fc` by the rule, `proj` 0."""
        linear_(self.fc.weight, streams("fc.weight"))
        self.proj.weight.zero_()

    def matrices(self, scale: float, out_scale: Tensor) -> tuple[Tensor, Tensor]:
        """`fc` for an input times `scale` and `proj` for an output times `out_scale` (dim,)."""
        return scale * self.fc.weight, out_scale[:, None] * self.proj.weight

    def forward(self, x: Tensor, matrices: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(batch, time, dim) -> the same shape, with its own matrices or those that `matrices` gave."""
        fc, proj = matrices or (self.fc.weight, self.proj.weight)
        return F.linear(SquaredLeakyReLU.apply(F.linear(x, fc)), proj)
