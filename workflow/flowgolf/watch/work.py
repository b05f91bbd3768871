"""Arithmetic and memory that a job needs, computed from its settings alone."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.windows import Windows
from flowgolf.train.speed import flops_per_token

STATE_COPIES = 5  # weights, gradient, average, and up to two moments, all float32
FLOAT_BYTES = 4
ACTIVATION_BYTES = 48  # per token, block and channel: fits the published run's peak (25,832 MiB) less its state


@cache
def model_facts(settings_json: str) -> tuple[int, int]:
    """Count the training FLOPs per token and the parameters of a model, without allocating it."""
    with torch.device("meta"):
        gpt = GPT(ModelSettings.model_validate_json(settings_json))
    return flops_per_token(gpt), sum(parameter.numel() for parameter in gpt.parameters())


def model_flops(model: Mapping[str, Any], seq_len: int | None = None) -> int:
    """Training FLOPs per token, at the model's own sequence length or another; a third of them are the forward pass."""
    settings = ModelSettings.model_validate(model)
    changed = settings if seq_len is None else settings.model_copy(update={"seq_len": seq_len})
    return model_facts(changed.model_dump_json())[0]


def training_flops(model: Mapping[str, Any], train: Mapping[str, Any], num_positions: int | None) -> float:
    """FLOPs of a training: its steps, and its validations if the size of the validation set is known.

    The validations are one before the first step, one every `val_every` steps, and one of the averaged weights.
    """
    per_token = model_flops(model)
    validations = train["steps"] // train["val_every"] + 2
    return float(
        train["steps"] * train["batch_tokens"] * per_token + validations * (num_positions or 0) * per_token / 3
    )


def scoring_flops(model: Mapping[str, Any], settings: Mapping[str, Any], num_positions: int) -> float:
    """FLOPs of the forward passes over sliding windows that score all positions, or the first `max_positions`."""
    seq_len = int(settings["seq_len"])
    scored = min(num_positions, settings["max_positions"] or num_positions)
    windows = Windows(max(scored, seq_len), seq_len, settings["stride"])
    return len(windows) * seq_len * model_flops(model, seq_len) / 3


def adaptation_flops(model: Mapping[str, Any], settings: Mapping[str, Any], num_positions: int) -> float:
    """FLOPs of legal test-time training: scoring, and `epochs` of training on what was scored."""
    scored = min(num_positions, settings["max_positions"] or num_positions)
    training = int(settings["epochs"]) * scored * model_flops(model, settings["seq_len"])
    return scoring_flops(model, settings, num_positions) + training


def training_memory_bytes(model: Mapping[str, Any], train: Mapping[str, Any]) -> float:
    """Peak memory of a training step on one device: its state, and the activations of what it takes at once."""
    parameters = model_facts(ModelSettings.model_validate(model).model_dump_json())[1]
    tokens = train["batch_tokens"] / train["micro_batches"] / train.get("passes_per_micro_batch", 1)
    activations = tokens * model["layers"] * model["dim"]
    return float(STATE_COPIES * FLOAT_BYTES * parameters + ACTIVATION_BYTES * activations)
