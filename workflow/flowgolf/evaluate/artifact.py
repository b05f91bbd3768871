"""From an artifact file to a model that can be scored."""

from pathlib import Path

import torch

from flowgolf.data.dataset import Dataset
from flowgolf.export.unpack import load
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings


def load_gpt(artifact_path: str | Path) -> tuple[GPT, str]:
    """The model that an artifact describes, in eval mode on the fastest device, and the artifact's SHA-256.

    Every weight must be there and no other. Raises ValueError for a file that is not a whole artifact.
    """
    artifact = load(artifact_path)
    gpt = GPT(ModelSettings.model_validate(artifact.model))
    check_names(artifact_path, set(gpt.state_dict()), set(artifact.tensors))
    gpt.load_state_dict(artifact.tensors, strict=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return gpt.to(device).eval(), artifact.sha256


def check_names(artifact_path: str | Path, wanted: set[str], found: set[str]) -> None:
    """Refuse an artifact that lacks a weight of the model it describes, or has one too many."""
    for problem, names in (("lacks", wanted - found), ("has, beside those of its model,", found - wanted)):
        if names:
            raise ValueError(f"{artifact_path}: {problem} {len(names)} weights, such as {min(names)}")


def check_vocabulary(gpt: GPT, dataset: Dataset, artifact_path: str | Path) -> None:
    """Refuse to score text that was cut by another tokenizer."""
    if gpt.settings.vocab_size != dataset.vocab_size:
        raise ValueError(
            f"{artifact_path}: made for a vocabulary of {gpt.settings.vocab_size} pieces, "
            f"but the data's tokenizer has {dataset.vocab_size}"
        )
