"""Weights of the published script's `.int6.ptz`: zstd of a torch pickle, opened through `weights_only` alone."""

import io
from pathlib import Path
from typing import Any

import torch
import zstandard
from torch import Tensor

MAX_PICKLE_BYTES = 2**28  # ten times the published model; a larger one is refused before it is unpacked


def load_published(path: str | Path) -> dict[str, Tensor]:
    """float32 weights under the published names; a file of another kind is a ValueError that names it.

    The pickle holds `w` (tensors; a quantised one as NAME.q and NAME.scale) and `m` (storage of each NAME).
    """
    try:
        with Path(path).open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
            pickle = reader.read(MAX_PICKLE_BYTES + 1)
    except zstandard.ZstdError as error:
        raise ValueError(f"{path}: not a zstd file ({error})") from None
    if len(pickle) > MAX_PICKLE_BYTES:
        raise ValueError(f"{path}: unpacks to more than {MAX_PICKLE_BYTES} bytes")
    try:
        content = torch.load(io.BytesIO(pickle), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch raises on bytes of a stranger
        raise ValueError(f"{path}: not a pickle of tensors ({type(error).__name__})") from None
    if not (isinstance(content, dict) and isinstance(content.get("w"), dict) and isinstance(content.get("m"), dict)):
        raise ValueError(f"{path}: expected a pickle with the keys 'w' and 'm'")
    return {name: stored_tensor(path, content["w"], name) for name in content["m"]}


def stored_tensor(path: str | Path, stored: dict[str, Any], name: str) -> Tensor:
    """One tensor as float32: kept as it is, or integers times the scale of their row (or of the whole)."""
    tensor, q, scale = (stored.get(key) for key in (name, f"{name}.q", f"{name}.scale"))
    if isinstance(tensor, Tensor):
        return tensor.float()
    if not (isinstance(q, Tensor) and isinstance(scale, Tensor)):
        raise ValueError(f"{path}: {name} is declared in 'm' and not stored in 'w'")
    if scale.dim() and (scale.dim() != 1 or not q.dim() or len(scale) != len(q)):
        raise ValueError(f"{path}: {name} has integers of shape {list(q.shape)} and scales of {list(scale.shape)}")
    return q.float() * scale.float().reshape(-1, *[1] * (q.dim() - 1)) if scale.dim() else q.float() * scale.float()
