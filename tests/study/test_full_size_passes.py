"""What `make full-size` runs is the study of its file at full size: same model, same way of export and adaptation."""

import pytest
import torch
import yaml

from flowgolf.model.gpt import GPT
from flowgolf.model.order import block_order
from flowgolf.study.study import Study
from full_size_passes import PASSES, Pass


@pytest.fixture(scope="module", params=PASSES.values(), ids=PASSES)
def chosen(request: pytest.FixtureRequest) -> Pass:
    return request.param


@pytest.fixture(scope="module")
def small(chosen: Pass) -> Study:
    return Study(chosen.study())


def test_the_model_has_its_full_size_and_order(chosen: Pass, small: Study) -> None:
    settings = small.variants[chosen.arm].model
    with torch.device("meta"):
        assert sum(weight.numel() for weight in GPT(settings).parameters()) == chosen.parameters
    order = block_order(settings.layers, settings.recurrence)
    assert chosen.order in (None, tuple(" ".join(map(str, half)) for half in order))


def test_it_is_the_model_of_the_file(chosen: Pass, small: Study) -> None:
    whole = Study(yaml.safe_load(chosen.config.read_text())).variants[chosen.arm]
    ours = small.variants[chosen.arm]
    assert ours.model == whole.model
    assert (ours.export.codec, ours.export.gptq, ours.export.clip) == (
        whole.export.codec,
        whole.export.gptq,
        whole.export.clip,
    )
    assert ours.evaluate.legal_ttt.freeze_blocks == whole.evaluate.legal_ttt.freeze_blocks
    assert ours.export.cap_bytes == whole.export.cap_bytes == chosen.cap_bytes


def test_it_fits_a_machine_without_a_gpu_and_submits_its_arm(chosen: Pass, small: Study) -> None:
    train = small.variants[chosen.arm].train
    assert (train.steps, train.devices, train.allowed_seconds) == (2, 1, None)
    assert small.settings.limits is None
    assert small.submitted == [chosen.arm]
