"""From an artifact file to a model that can be scored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from flowgolf.data.dataset import Dataset
from flowgolf.export.container import Header
from flowgolf.export.unpack import load
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.precision import fastest_device

MAX_LAYERS = 256
MAX_WIDTH = 2**16
"""Of every other size in the settings, so that no product of a few of them is beyond 64 bits."""


def load_gpt(artifact_path: str | Path) -> tuple[GPT, str]:
    """The model that an artifact describes, in eval mode on the fastest device, and the artifact's SHA-256.

    Every weight must be there and no other, which is looked at before anything is allocated for one. Raises ValueError
    for a file that is not a whole artifact.
    """
    artifact = load(artifact_path, check_header)
    gpt = GPT(ModelSettings.model_validate(artifact.model))
    gpt.load_state_dict(artifact.tensors, strict=True)
    return gpt.to(fastest_device()).eval(), artifact.sha256


def check_header(header: Header) -> None:
    """Refuse a header whose tensors are not, by name and shape, those of the bounded model that it describes."""
    settings = bounded_settings(header.model)
    with torch.device("meta"):
        wanted = {name: list(weight.shape) for name, weight in GPT(settings).state_dict().items()}
    found = {entry.name: entry.shape for entry in header.weights}
    for problem, names in (
        ("lacks", wanted.keys() - found.keys()),
        ("has, beside those of its model,", found.keys() - wanted.keys()),
    ):
        if names:
            raise ValueError(f"{problem} {len(names)} weights, such as {min(names)}")
    for name, shape in found.items():
        if shape != wanted[name]:
            raise ValueError(f"{name} has shape {shape}, its model's has {wanted[name]}")


def bounded_settings(model: dict[str, Any]) -> ModelSettings:
    """The settings of a model that is small enough to look at; ValueError in one sentence for any other."""
    for key, value in sizes(model):
        most = MAX_LAYERS if key == "layers" else MAX_WIDTH
        if abs(value) > most:
            raise ValueError(f"header: model: {key} is {value if value < 2**63 else 'huge'}, at most {most} is read")
    try:
        return ModelSettings.model_validate(model)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"header: model: {place or 'settings'}: {first['msg']}") from None


def sizes(model: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Every integer in settings and the blocks and lists inside, with its key."""
    pending: list[tuple[str, Any]] = list(model.items())
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.items())
        elif isinstance(value, list):
            pending.extend((key, each) for each in value)
        elif isinstance(value, int):
            yield key, value


def check_vocabulary(gpt: GPT, dataset: Dataset, artifact_path: str | Path) -> None:
    """Refuse to score text that was cut by another tokenizer."""
    if gpt.settings.vocab_size != dataset.vocab_size:
        raise ValueError(
            f"{artifact_path}: made for a vocabulary of {gpt.settings.vocab_size} pieces, "
            f"but the data's tokenizer has {dataset.vocab_size}"
        )
