"""How fast a run was, in the field's measures (docs/spec/training.md, T17)."""

import resource
import sys
import time
from typing import Any

import torch
from torch import Tensor

from flowgolf.model.gpt import GPT
from flowgolf.model.order import runs
from flowgolf.scoring.precision import PRODUCTS
from flowgolf.train.settings import TrainSettings

PRODUCT_SIDES = {"cpu": 1024, "cuda": 8192}
"""Side of the square matrices whose product is the yardstick: large enough to be nothing but arithmetic there."""


DOUBT = "the yardstick was measured on a busy or throttled device, and this figure says nothing"


def flops_per_token(gpt: GPT, looping_share: float = 1.0) -> int:
    """Arithmetic of training on one token, forward and backward: 6 N + 12 L D T (PaLM, appendix B).

    N counts the weights that are factors of matrix products, the output head included; what is looked up, and what
    scales element by element, is not. With recurrence a block counts as often as it runs, in N and in L, where
    `looping_share` of the steps loop.
    """
    settings = gpt.settings
    often = runs(settings.layers, settings.recurrence, looping_share)
    products = 0.0
    for name, parameter in gpt.named_parameters():
        if gpt.known[name].role.counted == "product":
            block = gpt.known[name].stored.block
            products += parameter.numel() * (1 if block is None else often[block])
    return round(6 * products + 12 * sum(often) * settings.dim * settings.seq_len)


def product_flops_per_second(device: torch.device, dtype: torch.dtype, repeats: int = 3) -> float:
    """Arithmetic rate of a large matrix product on this device (FLOP/s), the best of a few."""
    side = PRODUCT_SIDES[device.type]
    left = torch.randn(side, side, device=device, dtype=dtype)
    seconds = [product_seconds(left) for _ in range(repeats + 1)]
    return 2 * side**3 / min(seconds)


def product_seconds(left: Tensor) -> float:
    """Seconds of a matrix times itself; on a GPU by its own clock, without the way there."""
    if not left.is_cuda:
        started = time.perf_counter()
        (left @ left).sum().item()
        return time.perf_counter() - started
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    torch.matmul(left, left)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1000


def peak_memory_bytes(device: torch.device) -> int:
    """Largest memory held so far: of the GPU when there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def speed_record(
    gpt: GPT, settings: TrainSettings, steps: int, elapsed_seconds: float, memory_bytes: int
) -> dict[str, Any]:
    """Tokens per second, seconds per step, peak memory of the largest process, and model FLOPs utilisation.

    The yardstick of the utilisation is a matrix product measured now, times the devices; seconds are those of the
    steps, without validation and saving.
    """
    device = next(gpt.parameters()).device
    dtype = PRODUCTS[device.type]
    loop = gpt.settings.recurrence
    flops = flops_per_token(gpt, 1.0 if loop is None else 1 - loop.from_fraction)
    tokens_per_second = steps * settings.batch_tokens / elapsed_seconds
    product = product_flops_per_second(device, dtype) * settings.devices
    utilisation = tokens_per_second * flops / product
    if utilisation > 1:
        print(f"model FLOPs utilisation {utilisation:.2f} is above 1: {DOUBT}", file=sys.stderr)
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "devices": settings.devices,
        "threads": torch.get_num_threads(),
        "elapsed_seconds": round(elapsed_seconds, 3),
        "seconds_per_step": elapsed_seconds / steps,
        "tokens_per_second": tokens_per_second,
        "flops_per_token": flops,
        "product_flops_per_second": product,
        "model_flops_utilisation": utilisation,
        "peak_memory_bytes": memory_bytes,
    }
