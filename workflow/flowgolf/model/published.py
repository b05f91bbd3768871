"""Weights of the published script: a `.pt` state dict, or a quantised `.int6.ptz` (docs/spec/export.md, X11).

Both are read with torch.load(weights_only=True) alone, so that a stranger's file cannot run code.
"""

import io
from pathlib import Path
from typing import Any

import torch
import zstandard
from torch import Tensor

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings

QUANTISED_SUFFIX = ".int6.ptz"
MAX_CONTENT_BYTES = 2**28


def read(path: str | Path, settings: ModelSettings) -> dict[str, Tensor]:
    """The weights of the model that `settings` describe, float32, by name.

    A file that is unreadable, holds more than tensors, or does not fit the model is a ValueError with the names.
    """
    path = Path(path)
    if path.name.endswith(QUANTISED_SUFFIX):
        weights = dequantised(path, load_tensors(path, decompressed(path)))
    elif path.suffix == ".pt":
        weights = load_tensors(path, path.read_bytes())
    else:
        raise ValueError(f"{path}: a published checkpoint ends in .pt or {QUANTISED_SUFFIX}")
    check_fit(path, weights, settings)
    return {name: weight.float() for name, weight in weights.items()}


def decompressed(path: Path) -> bytes:
    """The content of a zstandard file."""
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
            content = reader.read(MAX_CONTENT_BYTES + 1)
    except zstandard.ZstdError as error:
        raise ValueError(f"{path}: not readable as zstandard ({error})") from None
    if len(content) > MAX_CONTENT_BYTES:
        raise ValueError(f"{path}: unpacks to more than {MAX_CONTENT_BYTES} bytes, ten times the published model")
    return content


def load_tensors(path: Path, content: bytes) -> dict[str, Any]:
    """The dictionary that torch saved; `path` only names it."""
    try:
        saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file fails in whatever way its bytes happen to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: not a torch file that holds nothing but tensors ({reason})") from None
    if not isinstance(saved, dict):
        raise ValueError(f"{path}: expected a dictionary of tensors, found {type(saved).__name__}")
    return saved


def dequantised(path: Path, saved: dict[str, Any]) -> dict[str, Tensor]:
    """Weights of a quantised file: `w` holds a tensor NAME, or NAME.q and NAME.scale; `m` has an entry per NAME."""
    if set(saved) != {"w", "m"} or not all(isinstance(part, dict) for part in saved.values()):
        raise ValueError(f"{path}: expected two dictionaries, w and m, found {listed(saved)}")
    stored, weights = dict(saved["w"]), {}
    for name in saved["m"]:
        if name in stored:
            weights[name] = stored.pop(name)
        elif f"{name}.q" in stored and f"{name}.scale" in stored:
            q, scale = stored.pop(f"{name}.q").float(), stored.pop(f"{name}.scale").float()
            if scale.ndim and tuple(scale.shape) != tuple(q.shape[:1]):
                shapes = f"{name} has integers of shape {list(q.shape)} and scales of {list(scale.shape)}"
                raise ValueError(f"{path}: {shapes}; one scale, or one a row")
            weights[name] = q * scale.view(-1, *[1] * (q.ndim - 1)) if scale.ndim else q * scale
        else:
            raise ValueError(f"{path}: m names {name}, but w holds neither it nor its .q and .scale")
    if stored:
        raise ValueError(f"{path}: left over in w, without an entry in m: {listed(stored)}")
    return weights


def check_fit(path: Path, weights: dict[str, Any], settings: ModelSettings) -> None:
    """Refuse weights that are not exactly the model's, with the names of all that differ."""
    with torch.device("meta"):
        expected = {name: tuple(weight.shape) for name, weight in GPT(settings).state_dict().items()}
    problems = []
    if missing := expected.keys() - weights.keys():
        problems.append(f"missing {listed(missing)}")
    if left_over := weights.keys() - expected.keys():
        problems.append(f"left over {listed(left_over)}")
    for name in sorted(expected.keys() & weights.keys()):
        weight = weights[name]
        found = tuple(weight.shape) if isinstance(weight, Tensor) else type(weight).__name__
        if found != expected[name]:
            problems.append(f"{name} is {found}, expected {expected[name]}")
    if problems:
        raise ValueError(f"{path} does not fit the model settings: {'; '.join(problems)}")


def listed(names: Any) -> str:
    """Names in order, separated by commas."""
    return ", ".join(sorted(map(str, names)))
