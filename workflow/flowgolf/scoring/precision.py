"""The arithmetic that every value is computed in."""

from contextlib import AbstractContextManager

import torch
from torch import nn


def device_of(gpt: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(gpt.parameters()).device


def precision(gpt: nn.Module) -> AbstractContextManager[None]:
    """The arithmetic of a forward pass: bfloat16 products on a GPU, as in training, and float32 elsewhere."""
    device = device_of(gpt).type
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
