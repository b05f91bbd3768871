"""How fast a run was, in the field's measures (docs/spec/training.md, T17)."""

import resource
import time
from typing import Any

import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.order import runs
from flowgolf.train.settings import TrainSettings

PRODUCT_SIDE = 1024  # side of the square matrices whose product is the yardstick


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
    left = torch.randn(PRODUCT_SIDE, PRODUCT_SIDE, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(repeats + 1):
        started = time.perf_counter()
        (left @ left).sum().item()
        best = min(best, time.perf_counter() - started)
    return 2 * PRODUCT_SIDE**3 / best


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
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    loop = gpt.settings.recurrence
    flops = flops_per_token(gpt, 1.0 if loop is None else 1 - loop.from_fraction)
    tokens_per_second = steps * settings.batch_tokens / elapsed_seconds
    product = product_flops_per_second(device, dtype) * settings.devices
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "devices": settings.devices,
        "threads": torch.get_num_threads(),
        "elapsed_seconds": round(elapsed_seconds, 3),
        "seconds_per_step": elapsed_seconds / steps,
        "tokens_per_second": tokens_per_second,
        "flops_per_token": flops,
        "product_flops_per_second": product,
        "model_flops_utilisation": tokens_per_second * flops / product,
        "peak_memory_bytes": memory_bytes,
    }
