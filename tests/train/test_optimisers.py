"""Optimisers are files, found by name; any of them may update any group that it can."""

import math
import re

import pytest

from flowgolf.train import registry
from trainings import result, run


def test_adamw_trains_the_matrices_and_has_no_momentum(tmp_path, data_json, model_settings, settings):
    run(tmp_path, data_json, model_settings, settings.model_copy(update={"matrix_optimizer": "adamw"}))
    _, curve, record = result(tmp_path)
    header, *rows = [line.split(",") for line in curve.splitlines()]
    assert {row[header.index("momentum")] for row in rows} == {""}
    losses = [float(row[header.index("train_loss")]) for row in rows[1:]]
    assert losses[-1] < losses[0] - 0.3
    assert {facts["optimizer"] for facts in record["tensors"].values()} == {"adamw"}


def test_the_record_tells_of_every_tensor_what_updates_it(tmp_path, data_json, model_settings, settings):
    run(tmp_path, data_json, model_settings, settings)
    record = result(tmp_path)[2]
    assert sum(facts["elements"] for facts in record["tensors"].values()) == record["parameters"]
    for facts in record["tensors"].values():
        assert math.prod(int(side) for side in facts["shape"].split(" x ") if side) == facts["elements"]
        assert facts["optimizer"] == ("muon" if facts["group"] == "matrices" else "adamw")
    assert record["tensors"]["native_flow.v_in.weight"] == {
        "shape": "8 x 16", "elements": 128, "group": "rest", "optimizer": "adamw", "storage": "int8",
        "label": "flow matcher",
    }  # fmt: skip


def test_an_optimisers_file_is_found_by_its_name(tmp_path, monkeypatch):
    assert registry.names() == ["adamw", "muon"]
    assert registry.optimiser_class("muon").__name__ == "Muon"
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    (tmp_path / "sgd.py").write_text("class A:\n    pass\n\n\nclass B:\n    pass\n")
    (tmp_path / "none.py").write_text("")
    assert registry.names() == ["none", "sgd"]
    with pytest.raises(
        ValueError, match=re.escape(f"{tmp_path}/sgd.py: an optimiser's file has one class, found A, B")
    ):
        registry.class_name("sgd")
    with pytest.raises(ValueError, match="none.py: an optimiser's file has one class, found none"):
        registry.class_name("none")
