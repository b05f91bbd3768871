"""Runs a training in a folder and reads what it left."""

import json

import pandas as pd

from flowgolf.train import loop
from flowgolf.train.run import TrainingRun

LABEL = "train nfm seed 7"


def run(folder, data_json, model_settings, settings, seed=7):
    """A training that leaves its files in `folder`."""
    loop.train(
        model_settings=model_settings, settings=settings, variant="nfm", seed=seed, data_json=data_json,
        model_path=folder / "model.safetensors", curve_path=folder / "train.csv", record_path=folder / "run.json",
        state_dir=folder / "state",
    )  # fmt: skip


def training_run(folder, data_json, model_settings, settings):
    """The same training as it travels to processes."""
    return TrainingRun(
        model=model_settings, train=settings, variant="nfm", seed=7, data_json=str(data_json),
        model_path=str(folder / "model.safetensors"), curve_path=str(folder / "train.csv"),
        record_path=str(folder / "run.json"), state_dir=str(folder / "state"),
    )  # fmt: skip


def result(folder):
    """Weights, the curve without its clock, and the record."""
    curve = pd.read_csv(folder / "train.csv").drop(columns="seconds")
    return (folder / "model.safetensors").read_bytes(), curve.to_csv(), json.loads((folder / "run.json").read_text())
