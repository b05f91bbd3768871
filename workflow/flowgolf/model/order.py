"""In which order the blocks run, and which half of that order feeds the other; no torch (docs/spec/model.md, M20)."""

from typing import NamedTuple

from flowgolf.model.settings import RecurrenceSettings


class Order(NamedTuple):
    """Indices of the blocks as they run, cut in two."""

    first: tuple[int, ...]
    """Each pushes its output on the stack."""
    second: tuple[int, ...]
    """Each takes an output from the stack before it runs, while there is one."""

    @property
    def skips(self) -> int:
        """How many outputs are taken from the stack."""
        return min(len(self.first), len(self.second))


def block_order(layers: int, loop: RecurrenceSettings | None, looping: bool = True) -> Order:
    """The order of so many blocks; `loop` counts only while `looping`."""
    order = list(range(layers))
    if loop is not None and looping:
        again = order[loop.start : loop.end + 1] * (loop.repeats + 1)
        order[loop.start : loop.end + 1] = again
    half = len(order) // 2
    return Order(tuple(order[:half]), tuple(order[half:]))


def runs(layers: int, loop: RecurrenceSettings | None, looping_share: float = 1.0) -> list[float]:
    """How often each block runs in a forward pass, on average where only a share of the passes loops."""
    again = [0] * layers if loop is None else [loop.repeats * (loop.start <= i <= loop.end) for i in range(layers)]
    return [1 + looping_share * each for each in again]
