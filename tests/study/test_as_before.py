"""A record made before a setting existed and one made after are of the same settings, while it is as before."""

from flowgolf.study.as_before import recorded_settings
from flowgolf.study.settings import RunSettings


def test_what_is_as_before_is_left_out_wherever_it_stands(config):
    run = RunSettings.model_validate(config["base"]).model_dump(mode="json")
    kept = recorded_settings("train", {"model": run["model"], "train": run["train"]})
    assert kept["train"]["steps"] == run["train"]["steps"]
    assert kept["model"]["dim"] == run["model"]["dim"]
    assert run["model"]["logit_scale"] is False and "logit_scale" not in kept["model"]
    assert run["train"]["muon_row_norm"] is False and "muon_row_norm" not in kept["train"]


def test_what_is_changed_or_unknown_stays(config):
    model = {"logit_scale": True, "smear": True, "part_of_another_time": {"width": 3}}
    assert recorded_settings("train", {"model": model, "train": {}})["model"] == model


def test_settings_of_an_evaluation_are_those_of_its_block():
    assert recorded_settings("legal_ttt", {"epochs": 3, "lr_warmup": True}) == {"epochs": 3}
    assert recorded_settings("legal_ttt", {"epochs": 3, "lr_warmup": False}) == {"epochs": 3, "lr_warmup": False}
