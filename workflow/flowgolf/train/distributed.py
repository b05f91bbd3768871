"""What the processes of one run exchange (docs/spec/training.md, T13)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F


class LostContactError(RuntimeError):
    """Another process of the run is gone; its own error says why."""


@contextmanager
def exchange() -> Iterator[None]:
    """Tell a broken connection apart from errors of this process's own."""
    try:
        yield
    except RuntimeError as error:
        raise LostContactError(f"lost contact with the other processes of the run ({error})") from error


class Ranks:
    """This process's place among `count` equal ones; a process alone exchanges nothing."""

    def __init__(self, rank: int = 0, count: int = 1, local_rank: int | None = None) -> None:
        """With `count` > 1 the default process group of torch.distributed must exist.

        `local_rank` is the place among the processes of this machine, where not all are here: that of its GPU.
        """
        self.rank, self.count = rank, count
        self.local_rank = rank if local_rank is None else local_rank

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of `count` equal pieces this process takes; `count` is a multiple of the number of processes."""
        size = count // self.count
        return range(self.rank * size, (self.rank + 1) * size)

    def sum(self, tensors: list[Tensor]) -> None:
        """Replace float32 tensors by their sums over all processes, in one exchange."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with exchange():
            dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        torch._foreach_copy_(tensors, [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)])

    def largest(self, values: list[float], device: torch.device) -> list[float]:
        """The largest of each value over all processes."""
        if self.count == 1:
            return values
        agreed = torch.tensor(values, dtype=torch.float64, device=device)
        with exchange():
            dist.all_reduce(agreed, dist.ReduceOp.MAX)
        return [float(value) for value in agreed]

    def add(self, values: list[float], device: torch.device) -> list[float]:
        """The sum of each value over all processes."""
        if self.count == 1:
            return values
        added = torch.tensor(values, dtype=torch.float64, device=device)
        with exchange():
            dist.all_reduce(added)
        return [float(value) for value in added]

    def wait(self, device: torch.device) -> None:
        """Go on when all processes have come as far."""
        self.largest([0.0], device)

    def spread(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """What a function makes of a batch (count, rows, columns), each process of its share.

        The function treats each matrix by itself, keeps its shape, and leaves zeros zero; what it makes travels in the
        type that it has.
        """
        if self.count == 1:
            return function(batch)
        size = -(-len(batch) // self.count)
        padded = F.pad(batch, (0, 0, 0, 0, 0, size * self.count - len(batch)))
        own = function(padded[self.rank * size : (self.rank + 1) * size].contiguous())
        gathered = torch.empty(padded.shape, dtype=own.dtype, device=own.device)
        with exchange():
            dist.all_gather_into_tensor(gathered, own)
        return gathered[: len(batch)]
