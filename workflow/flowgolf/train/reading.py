"""What the host reads of a device: a step's figures, and copies of states."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """Figures of a step that may not have arrived from the device yet."""

    row: dict[str, Any]
    """The step's row of the curve, which they go into."""
    figures: Tensor
    """Mean cross-entropy, mean auxiliary loss, gradient norm: float64, on the host."""
    arrived: torch.cuda.Event | None
    """What to wait for; None on a CPU."""

    @classmethod
    def sent(cls, row: dict[str, Any], losses: Tensor, norm: float | Tensor) -> Self:
        """Send losses (2,) and the norm to the host without waiting for them."""
        norm = torch.as_tensor(norm, dtype=torch.float64, device=losses.device)
        figures = torch.cat((losses.double(), norm[None]))
        if not figures.is_cuda:
            return cls(row, figures, None)
        host = torch.empty(3, dtype=torch.float64, pin_memory=True).copy_(figures, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        return cls(row, host, arrived)

    def settle(self) -> None:
        """Wait for them, and enter them; a row without an auxiliary loss (None) stays without."""
        if self.arrived is not None:
            self.arrived.synchronize()
        loss, auxiliary, norm = self.figures.tolist()
        self.row.update(train_loss=loss, grad_norm=norm)
        if self.row["cfm_loss"] is not None:
            self.row["cfm_loss"] = auxiliary


def on_cpu(state: Any) -> Any:
    """A copy of a state on the CPU."""
    if isinstance(state, Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    return [on_cpu(value) for value in state] if isinstance(state, list) else state
