"""Weights in a safetensors file, which cannot run code; the one module that knows the format."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flowgolf.files import replacing


def save(path: str | Path, weights: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write weights by name, and texts beside them, atomically."""
    content = safetensors.torch.save(weights, metadata)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Texts and weights of a file, in the order of their names; a file that is none is a ValueError."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in sorted(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors checkpoint ({error})") from None
