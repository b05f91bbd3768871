"""The averaged weights of a training, with the settings of their model."""

from pathlib import Path

from flowgolf.model import registry, roles, weights_file
from flowgolf.model.gpt import GPT


def save_weights(path: str | Path, gpt: GPT) -> None:
    """Write a model's weights, with its settings and how each weight is to be stored beside them."""
    weights = {name: weight.detach().cpu().contiguous() for name, weight in gpt.state_dict().items()}
    stored = {known.saved_as: known.stored for known in gpt.known.values()}
    model = registry.kept_in_files(gpt.settings.model_dump(mode="json"))
    weights_file.save(path, weights, roles.to_text(model, stored))
