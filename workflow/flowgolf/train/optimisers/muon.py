"""Muon: momentum, then each matrix's update made nearly orthogonal by Newton-Schulz.

Formulas: docs/spec/training.md, T3, T4, T18 and T19.

Not torch.optim.Muon: it averages the momentum instead of summing it, always orthogonalises in bfloat16, and takes one
matrix at a time, so its numbers are others and at small widths it is slower (benchmarks/muon.py).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from flowgolf.train.settings import TrainSettings

Triples = tuple[tuple[float, float, float], ...]

USUAL: Triples = ((3.4445, -4.7750, 2.0315),) * 5
POLAR: Triples = (  # docs/spec/training.md, T19
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
COEFFICIENTS = {"usual": USUAL, "polar": POLAR}
NORM_OFFSET = 1e-7
LEAST_ROW = 1e-7


def newton_schulz(matrices: Tensor, coefficients: Triples = USUAL) -> Tensor:
    """Bring the singular values of wide matrices (count, rows <= columns, columns) near 1; same shape.

    In bfloat16 on CUDA, where it stays so for the way to other processes, and in the matrices' own type elsewhere.
    """
    x: Tensor = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + NORM_OFFSET)
    if matrices.is_cuda:
        x = x.bfloat16()
    for a, b, c in coefficients:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


class Muon(torch.optim.Optimizer):
    """`w *= 1 - lr*wd; w -= lr * sqrt(max(1, rows/columns)) * NS(g + m*buf)` with `buf = m*buf + g`.

    Matrices that have one shape, as they are or transposed, are orthogonalised as one batch. `orthogonalise` may be
    replaced by a function that shares a batch's matrices among processes. With `row_norm` the rows of what is
    orthogonalised are divided by their lengths first.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float,
        weight_decay: float,
        orthogonalise: Callable[[Tensor], Tensor] = newton_schulz,
        row_norm: bool = False,
    ) -> None:
        """`params` are matrices or groups of them; rate and momentum may be changed in `param_groups` between steps."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.orthogonalise, self.row_norm = orthogonalise, row_norm
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.ndim != 2:
                    raise ValueError(f"Muon updates matrices only, got a parameter of shape {tuple(weight.shape)}")

    @classmethod
    def of(cls, groups: list[dict[str, Any]], settings: TrainSettings, spread: Callable[..., Tensor]) -> Self:
        """For parameter groups with their own rates and decays; `spread` shares a batch of matrices among processes."""
        momentum, decay = settings.muon_momentum_start, settings.weight_decay
        near = partial(newton_schulz, coefficients=COEFFICIENTS[settings.muon_coefficients])
        return cls(groups, settings.matrix_lr, momentum, decay, partial(spread, near), settings.muon_row_norm)

    @staticmethod
    def scheduled(settings: TrainSettings, step: int) -> dict[str, float]:
        """The momentum."""
        start, end = settings.muon_momentum_start, settings.muon_momentum
        return {"momentum": muon_momentum(step, start, end, settings.muon_momentum_warmup_steps)}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            self._step_group(group)

    def _step_group(self, group: dict[str, Any]) -> None:
        weights = [weight for weight in group["params"] if weight.grad is not None]
        if not weights:
            return
        gradients = [weight.grad for weight in weights]
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        buffers = [self.state[weight]["momentum"] for weight in weights]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients)
        updates = list(torch._foreach_add(gradients, buffers, alpha=group["momentum"]))
        if self.row_norm:
            updates = [normalised_rows(update) for update in updates]
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        for positions in same_shape(updates).values():
            batch = torch.stack([wide(updates[position]) for position in positions])
            near = self.orthogonalise(batch).to(batch.dtype)
            take([weights[position] for position in positions], list(near), group["lr"])


def take(weights: list[Tensor], updates: list[Tensor], rate: float) -> None:
    """Move weights of one shape, as they are or transposed, against their wide updates: one operation for each form."""
    for tall in (False, True):
        mine = [pair for pair in zip(weights, updates, strict=True) if (pair[0].shape[0] > pair[0].shape[1]) == tall]
        if mine:
            rows, columns = mine[0][0].shape
            steps = [update.mT if tall else update for _, update in mine]
            scale = rate * max(1.0, rows / columns) ** 0.5
            torch._foreach_sub_([weight for weight, _ in mine], steps, alpha=scale)


def normalised_rows(matrix: Tensor) -> Tensor:
    """Each row divided by its length, or by LEAST_ROW if it is shorter."""
    lengths: Tensor = torch.linalg.vector_norm(matrix, dim=1, keepdim=True)
    return matrix / lengths.clamp(min=LEAST_ROW)


def wide(matrix: Tensor) -> Tensor:
    """The matrix with no more rows than columns."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT


def same_shape(matrices: list[Tensor]) -> dict[tuple[int, ...], list[int]]:
    """Positions of the matrices that have the same shape once made wide, by that shape."""
    batches: dict[tuple[int, ...], list[int]] = {}
    for position, matrix in enumerate(matrices):
        batches.setdefault(tuple(wide(matrix).shape), []).append(position)
    return batches


def muon_momentum(step: int, start: float, end: float, warmup_steps: int) -> float:
    """Linear from `start` at step 0 to `end` at `warmup_steps`, then constant."""
    if step >= warmup_steps:
        return end
    fraction = step / warmup_steps
    return (1 - fraction) * start + fraction * end
