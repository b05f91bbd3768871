"""The averaged weights of a training, with the settings of their model."""

from pathlib import Path

from flowgolf.model import weights_file
from flowgolf.model.gpt import GPT


def save_weights(path: str | Path, gpt: GPT) -> None:
    """Write a model's weights, with its settings as JSON under the metadata key `model`."""
    weights = {name: weight.detach().cpu().contiguous() for name, weight in gpt.state_dict().items()}
    weights_file.save(path, weights, {"model": gpt.settings.model_dump_json()})
