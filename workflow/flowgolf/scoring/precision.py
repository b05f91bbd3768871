"""The arithmetic that every figure is computed in: of training, validation, roundtrips, scoring and all checks.

One rule for all of them, so that no difference of two figures is one of arithmetic; every record names it.
"""

from contextlib import AbstractContextManager

import torch
from torch import nn

PRODUCTS = {"cpu": torch.float32, "cuda": torch.bfloat16}
"""Type of matrix products and of attention, by kind of device; what is summed or normalised is summed in float32."""


def fastest_device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(gpt: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(gpt.parameters()).device


def precision_on(device: torch.device) -> str:
    """Name of the arithmetic on a device, as records have it: `bfloat16` or `float32`."""
    return str(PRODUCTS[device.type]).removeprefix("torch.")


def precision(device: torch.device) -> AbstractContextManager[None]:
    """The arithmetic of a forward pass: bfloat16 products on a GPU and float32 elsewhere.

    What a GPU still multiplies in float32 it multiplies as TF32, in every process alike.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    return torch.autocast(device.type, torch.bfloat16, enabled=PRODUCTS[device.type] == torch.bfloat16)
