"""Quantisation-aware training: forward passes on the weights that an export would store (docs/spec/training.md, T24).

The values of the parameters themselves are exchanged for the time of a step's passes. So the compiled code that trains
sees them like any others, and there is nothing in its graph that a compiler could fold away.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from flowgolf.export.dequantize import dequantize, rows_of
from flowgolf.export.kinds import Grid, grid_of
from flowgolf.export.quantize import rounded_rows
from flowgolf.export.settings import ExportSettings
from flowgolf.model.gpt import GPT


class Rounding:
    """The matrices of the blocks, and the grid that the arm's export has for each."""

    def __init__(self, gpt: GPT, grid: Mapping[str, Any]) -> None:
        """`grid` are the export's settings that say it, as plain values."""
        self.settings = ExportSettings.model_validate(grid)
        self.matrices: list[tuple[Tensor, Grid]] = [
            (weight, grid_of(gpt.known[name].stored, self.settings))
            for name, weight in gpt.named_parameters()
            if gpt.known[name].stored.storage == "block" and weight.numel() > self.settings.passthrough_max_elements
        ]

    @contextmanager
    def rounded(self) -> Iterator[None]:
        """The matrices hold rounded values inside, and their own again afterwards.

        A gradient that is taken meanwhile is that of the rounded weight, and is left for the own one: straight through.
        """
        own = [weight.detach().clone() for weight, _ in self.matrices]
        with torch.no_grad():
            for weight, grid in self.matrices:
                weight.copy_(self.stored(weight, grid))
        try:
            yield
        finally:
            with torch.no_grad():
                for (weight, _), values in zip(self.matrices, own, strict=True):
                    weight.copy_(values)

    def stored(self, weight: Tensor, grid: Grid) -> Tensor:
        """What a reader would get for a matrix (rows, columns), on its device."""
        settings = self.settings
        q, scale, _ = rounded_rows(rows_of(weight), grid.bits, settings.scale_floor, settings.clip, grid.k)
        return dequantize(q, scale)
