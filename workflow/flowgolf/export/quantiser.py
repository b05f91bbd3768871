"""How an idea chooses integers and scales of a tensor (docs/spec/export.md, X17); codec and file are as ever."""

from typing import Any

import torch
from torch import Tensor

from flowgolf import named
from flowgolf.export.dequantize import as_rows
from flowgolf.export.quantize import Quantised
from flowgolf.export.settings import ExportSettings


class Quantiser:
    """Rows of weights to integers and scales; an idea is derived from it and says how."""

    def __init__(self, settings: ExportSettings) -> None:
        """For one export."""
        self.settings = settings

    def quantise(self, rows: Tensor, bits: int, hessian: Tensor | None) -> tuple[Tensor, Tensor]:
        """Integers (rows, columns) of -2^(bits-1) to 2^(bits-1) - 1, and a positive scale a row (rows,).

        rows (rows, columns) float32; bits 4 to 8; hessian (columns, columns) float32, the sum of x x^T over the layer's
        inputs x where `calibration_batches` measured them, else None. Readers get the integer times the scale, which is
        stored as float16.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method `quantise`")


def quantised(weight: Tensor, bits: int, hessian: Tensor | None, settings: ExportSettings) -> Quantised:
    """What the export's quantiser makes of a tensor; ValueError for what no artifact holds."""
    assert settings.quantiser is not None
    quantiser: Quantiser = named.named_class("quantiser", settings.quantiser)(settings)
    rows = as_rows(weight)
    given = quantiser.quantise(rows.clone(), bits, hessian)
    if problem := problem_of(given, rows, bits):
        raise ValueError(f"export.quantiser {settings.quantiser} gives {problem}")
    q, scale = given
    halves = scale.half()
    return Quantised(q.to(torch.int8).view(weight.shape), halves, halves.float() * (2 ** (bits - 1) - 1))


def problem_of(given: Any, rows: Tensor, bits: int) -> str:
    """What is wrong with integers and scales for these rows; empty where nothing is."""
    if not (isinstance(given, tuple) and len(given) == 2 and all(isinstance(each, Tensor) for each in given)):
        return "something else than a pair of tensors, integers and scales"
    q, scale = given
    if q.dtype.is_floating_point or q.dtype == torch.bool or q.shape != rows.shape:
        return f"{q.dtype} of shape {list(q.shape)} in place of integers of shape {list(rows.shape)}"
    if scale.shape != rows.shape[:1]:
        return f"scales of shape {list(scale.shape)} in place of one a row, {list(rows.shape[:1])}"
    least, largest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if not (least <= int(q.min()) and int(q.max()) <= largest):
        return f"integers from {int(q.min())} to {int(q.max())}, int{bits} holds {least} to {largest}"
    halves = scale.half()
    if not (halves.isfinite() & (halves > 0)).all():
        bad = scale[~(halves.isfinite() & (halves > 0))][0]
        return f"a scale of {float(bad):.4g}, which as float16 is not finite and above 0"
    return ""
