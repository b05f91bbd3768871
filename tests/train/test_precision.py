"""Training, validation and the averages' roundtrip have one arithmetic, which the record names."""

import pytest
import torch

from bfloat16 import gpu_arithmetic
from flowgolf.data.dataset import Dataset
from flowgolf.model.gpt import GPT
from flowgolf.train.trainer import Trainer
from trainings import LABEL, result, run


@pytest.fixture
def products(monkeypatch):
    """Whether autocast was on in each forward pass, of training and of validation, by the model's mode."""
    found = []
    plain = GPT.head_input

    def noted(gpt, x):
        found.append((gpt.training, torch.is_autocast_enabled("cpu")))
        return plain(gpt, x)

    monkeypatch.setattr(GPT, "head_input", noted)
    return found


def test_the_record_names_the_arithmetic_of_every_figure(tmp_path, data_json, model_settings, settings, products):
    settings = settings.model_copy(update={"steps": 2, "warmdown_steps": 1, "val_every": 1})
    run(tmp_path, data_json, model_settings, settings)
    assert result(tmp_path)[2]["precision"] == "float32"
    assert set(products) == {(True, False), (False, False)}
    products.clear()
    with gpu_arithmetic():
        run(tmp_path, data_json, model_settings, settings)
    assert result(tmp_path)[2]["precision"] == "bfloat16"
    assert set(products) == {(True, True), (False, True)}


def test_a_validation_in_bfloat16_is_near_the_one_in_float32(data_json, model_settings, settings):
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    plain = trainer.validate().loss
    with gpu_arithmetic():
        assert 0 < abs(trainer.validate().loss - plain) < 0.01
