"""Weights in a safetensors file, which cannot run code; the one module that knows the format."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flowgolf.files import replacing

TEXT = "flowgolf"  # the one key of the metadata: safetensors writes several in an order of chance


def save(path: str | Path, weights: dict[str, Tensor], text: str) -> None:
    """Write weights by name, and a text beside them, atomically."""
    content = safetensors.torch.save(weights, {TEXT: text})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load(path: str | Path) -> tuple[str, dict[str, Tensor]]:
    """Text, empty if there is none, and weights of a file in the order of their names; else a ValueError."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(TEXT, ""), {name: file.get_tensor(name) for name in sorted(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors checkpoint ({error})") from None
