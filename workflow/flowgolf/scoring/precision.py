"""The arithmetic that every value is computed in."""

from contextlib import AbstractContextManager

import torch

from flowgolf.model.gpt import GPT


def device_of(gpt: GPT) -> torch.device:
    """Where the model's weights are."""
    return next(gpt.parameters()).device


def precision(gpt: GPT) -> AbstractContextManager[None]:
    """The arithmetic of a forward pass: bfloat16 products on a GPU, as in training, and float32 elsewhere."""
    device = device_of(gpt).type
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
