"""Stand-in for `flowgolf.model.weights_file` inside the generated train_gpt.py: torch's own format, weights only."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flowgolf.files import replacing


def save(path: str | Path, weights: dict[str, Tensor], text: str) -> None:
    """Write weights by name, and a text beside them, atomically."""
    with replacing(path) as temporary:
        torch.save({"text": text, "weights": weights}, temporary)


def load(path: str | Path) -> tuple[str, dict[str, Tensor]]:
    """Text and weights of a file that `save` wrote, in the order of their names; it cannot run code."""
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content["text"], dict(sorted(content["weights"].items()))
