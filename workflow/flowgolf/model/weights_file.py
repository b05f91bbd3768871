"""Weights in the format safetensors, which cannot run code; the one module that knows it."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flowgolf.files import replacing

TEXT = "flowgolf"  # the one key of the metadata: safetensors writes several in an order of chance


def packed(weights: dict[str, Tensor], text: str = "") -> bytes:
    """Contiguous tensors by name, and a text beside them, as the bytes of a file."""
    return safetensors.torch.save(weights, {TEXT: text})


def unpacked(content: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file, on the CPU; ValueError for other bytes."""
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        raise ValueError(f"not in the format safetensors ({error})") from None


def save(path: str | Path, weights: dict[str, Tensor], text: str) -> None:
    """Write weights by name, and a text beside them, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(packed(weights, text))


def load(path: str | Path) -> tuple[str, dict[str, Tensor]]:
    """Text, empty if there is none, and weights of a file in the order of their names; else a ValueError."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(TEXT, ""), {name: file.get_tensor(name) for name in sorted(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors checkpoint ({error})") from None
