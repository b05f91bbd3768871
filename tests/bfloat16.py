"""The arithmetic of a GPU on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from flowgolf.scoring.precision import PRODUCTS


@contextmanager
def gpu_arithmetic() -> Iterator[None]:
    """Inside, the CPU computes figures as a GPU does: products and attention in bfloat16 under autocast."""
    PRODUCTS["cpu"] = torch.bfloat16
    try:
        yield
    finally:
        PRODUCTS["cpu"] = torch.float32
