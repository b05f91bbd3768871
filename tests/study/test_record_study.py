"""config/record.yaml is the record of 9 April: its size, its order of blocks, its rates, as its log prints them."""

import pytest
import torch
import yaml

from flowgolf.model.gpt import GPT
from flowgolf.study.study import Study
from flowgolf.train.groups import optimizers
from repository import ROOT


@pytest.fixture(scope="module")
def study():
    return Study(yaml.safe_load((ROOT / "config" / "record.yaml").read_text()))


@pytest.fixture(scope="module")
def gpt(study):
    with torch.device("meta"):
        return GPT(study.variants["base"].model)


def test_parameters(gpt):
    assert sum(weight.numel() for weight in gpt.parameters()) == 35_944_536


def test_order_of_the_blocks(gpt):
    assert gpt.looped_order == ((0, 1, 2, 3, 4, 5, 3, 4), (5, 3, 4, 5, 6, 7, 8, 9, 10))
    assert gpt.skip_weights.shape == gpt.skip_gates.shape == (8, 512)
    assert gpt.plain_order == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9, 10))


def test_parts_that_it_does_not_have(gpt):
    assert not any(gpt.acting.values())
    assert gpt.rotary.base == 10_000


def test_groups(gpt, study):
    made = optimizers(gpt, study.variants["base"].train)
    groups = [group for optimizer in made.values() for group in optimizer.param_groups]
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [(0.022, 0.095), (0.03, 0.085), (0.02, 0.02)]
    assert made["muon"].row_norm


def test_time_and_seeds(study):
    assert study.variants["base"].train.allowed_seconds == 588
    assert study.settings.seeds == [42, 314, 999]
    limits = study.settings.limits
    assert (limits.train_seconds, limits.evaluate_seconds, limits.devices) == (600, 600, 8)
    assert study.submitted == ["base"]


def test_without_recurrence_it_is_smaller_by_three_skips_and_their_gates(study):
    with torch.device("meta"):
        plain = GPT(study.variants["no_recurrence"].model)
    assert sum(weight.numel() for weight in plain.parameters()) == 35_944_536 - 2 * 3 * 512
