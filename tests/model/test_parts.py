"""Parts of a researcher's own: one file each, in a folder outside the package, acting in every place there is."""

import sys
from textwrap import dedent

import pytest
import torch

from flowgolf.model import registry
from flowgolf.model import settings as model_settings
from flowgolf.model.declared import PartFileError
from flowgolf.model.gpt import GPT
from flowgolf.model.parameters import NotFilledError
from flowgolf.model.roles import PartRoleError
from flowgolf.train.groups import optimizers, tensor_facts
from flowgolf.train.settings import TrainSettings

HEAD = '''"""{purpose}"""
import torch
from torch import nn
from flowgolf.model.part import Part
from flowgolf.model.roles import CONTROL, Role

'''
PART = """
class Added(Part):
    label = "added"
    roles = {"weight": CONTROL}
    def __init__(self, own, model, *index):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(model.dim))
    def start(self, streams):
        self.weight.fill_(0.5)
"""
HOOKS = {
    "after_embedding": "    def after_embedding(self, x, input_ids):\n        return x + self.weight",
    "before_blocks": "    def before_blocks(self, x, input_ids):\n        return x * self.weight",
    "add_values": "    def add_values(self, input_ids):\n"
    "        return {1: self.weight[:16].expand(*input_ids.shape, 16)}",
    "before_block": "    def before_block(self, x, x0, index):\n        return x + index * self.weight * x0",
    "query_rows": "    per_block = True\n    def query_rows(self):\n        return self.weight[None]\n"
    "    def after_attention(self, y, rows):\n        return y * rows.sigmoid().unsqueeze(-1)",
    "after_attention": "    per_block = True\n    def after_attention(self, y, rows):\n"
    "        assert rows.shape[-1] == 0\n        return y * self.weight.view(y.shape[-2:])",
    "after_blocks": "    def after_blocks(self, x):\n        return x + self.weight",
    "auxiliary_loss": "    loss_weight = 0.5\n    def auxiliary_loss(self, x, draws):\n"
    "        return (x * self.weight).square().mean()",
}


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Write a part's file in a folder and make it known; gives the settings class that has its key."""
    monkeypatch.setattr(registry, "further", {})
    folder = tmp_path / "ideas"
    folder.mkdir()

    def write(body, key="my_part", purpose="A part of a researcher's own.", head=HEAD):
        file = folder / f"{key}.py"
        file.write_text(head.format(purpose=purpose) + dedent(body))
        registry.further[key] = file
        return key, model_settings.with_parts()

    yield write
    for name in list(registry.further):
        sys.modules.pop(registry.module_name(name), None)


@pytest.fixture
def tiny_with(add, tiny):
    """The tiny model with a part, switched on, whose file has this body."""

    def build(body, **own):
        key, settings = add(body)
        return settings(**{**tiny().model_dump(), key: own or True}), key

    return build


@pytest.mark.parametrize("hook", HOOKS)
def test_a_part_acts_where_it_says(hook, tiny_with, tiny, token_ids):
    settings, key = tiny_with(PART + HOOKS[hook])
    with_part, without = GPT(settings), GPT(tiny())
    for gpt in (with_part, without):
        gpt.init_weights(0)
    with torch.no_grad():
        for gpt in (with_part, without):
            for block in gpt.blocks:
                block.attn.proj.weight.copy_(torch.eye(32))  # the blocks start as nothing
    ids = token_ids(2, 21)
    losses = [gpt.training_loss(ids[:, :-1], ids[:, 1:]) for gpt in (with_part, without)]
    assert losses[0].total.item() != losses[1].total.item()
    if hook == "auxiliary_loss":
        assert losses[0].cross_entropy.item() == losses[1].cross_entropy.item()
        torch.testing.assert_close(losses[0].total, losses[0].cross_entropy + 0.5 * losses[0].auxiliary)
    else:
        assert losses[0].auxiliary.item() == 0
    losses[0].total.backward()
    names = [name for name, weight in with_part.named_parameters() if key in name.split(".") and weight.grad.any()]
    in_blocks = [f"blocks.{index}.attn.{key}.weight" for index in range(5)]
    assert names == (in_blocks if hook in ("query_rows", "after_attention") else [f"{key}.weight"])
    nats = with_part.token_losses(ids[:, :-1], ids[:, 1:])
    last = with_part.token_losses(ids[:, :-1], ids[:, 1:], last=4)
    torch.testing.assert_close(last, nats[:, -4:], rtol=0, atol=1e-5)


def test_a_part_is_off_unless_it_is_asked_for(add, tiny):
    key, settings = add(PART + HOOKS["after_blocks"])
    assert getattr(settings(), key) is False
    assert settings.model_fields[key].description == "A part of a researcher's own."
    assert registry.switched_on(settings()) == registry.switched_on(tiny()) == ["bigram", "gated_attention", "smear"]
    assert registry.switched_on(settings(**{key: True})) == ["bigram", "gated_attention", key, "smear"]


def test_two_parts_in_one_place_act_by_their_order(add, tiny, token_ids):
    first, _ = add(PART + "    order = 2\n    def after_blocks(self, x):\n        return 3 * x", key="a_first")
    second, settings = add(PART + "    order = 1\n    def after_blocks(self, x):\n        return x + 1", key="b_second")
    gpt = GPT(settings(**{**tiny().model_dump(), first: True, second: True}))
    gpt.init_weights(0)
    plain = GPT(tiny())
    plain.init_weights(0)
    ids = token_ids(1, 8)
    torch.testing.assert_close(gpt.hidden(ids), 3 * (plain.hidden(ids) + 1))


TEMPERATURE = """
class Temperature(Part):
    label = "temperature"
    per_block = True
    roles = {roles}
    def __init__(self, own, model, index):
        super().__init__()
        self.temperature = nn.Parameter(torch.empty(model.heads, 1))
    def start(self, streams):
        {start}
    def after_attention(self, y, rows):
        return y * self.temperature
"""
FILLED = "self.temperature.fill_(1.0)"


def test_a_column_of_heads_goes_where_its_role_says(tiny_with):
    settings, key = tiny_with(TEMPERATURE.format(roles='{"temperature": CONTROL}', start=FILLED))
    gpt = GPT(settings)
    gpt.init_weights(0)
    made = optimizers(gpt, TrainSettings())
    temperature = gpt.get_parameter(f"blocks.0.attn.{key}.temperature")
    assert [
        name
        for name, optimizer in made.items()
        for group in optimizer.param_groups
        if any(weight is temperature for weight in group["params"])
    ] == ["adamw"]
    assert tensor_facts(gpt, TrainSettings())[f"blocks.0.attn.{key}.temperature"] == {
        "shape": "4 x 1", "elements": 4, "group": "rest", "optimizer": "adamw", "storage": "control",
        "label": "temperature",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ("{}", r"temperature has no role: Temperature.roles lacks 'temperature': Role\(group, storage, counted\), with "
         r"group 'matrices', 'embeddings', 'rest'; storage 'block', 'int8', 'control'; counted 'product', 'table' or"),
        ('{"temperatur": CONTROL}', "temperature has no role: Temperature.roles lacks 'temperature'"),
        ('{"temperature": Role("scalars", "control")}',
         r"temperature: Temperature.roles says \('scalars', 'control', None\); there are group 'matrices'"),
        ('{"temperature": Role("rest", "int4")}', r"says \('rest', 'int4', None\)"),
        ('{"temperature": Role("rest", "int8", "sum")}', r"says \('rest', 'int8', 'sum'\)"),
    ],
)  # fmt: skip
def test_a_parameter_without_a_possible_role_is_refused(roles, message, tiny_with):
    settings, _ = tiny_with(TEMPERATURE.format(roles=roles, start=FILLED))
    with pytest.raises(PartRoleError, match=message):
        GPT(settings)


def test_storage_with_the_blocks_is_for_weights_inside_one(tiny_with):
    body = PART.replace("CONTROL}", 'Role("rest", "block")}') + HOOKS["after_blocks"]
    settings, key = tiny_with(body)
    with pytest.raises(PartRoleError, match=f"{key}.weight: storage 'block' is for weights inside a block; it may be"):
        GPT(settings)


def test_a_module_inside_a_part_is_spoken_for_by_the_part(tiny_with):
    """A plain module with raw memory in it neither escapes the roles nor the start."""
    inner = """
class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.raw = nn.Parameter(torch.empty(3))
"""
    body = PART.replace("        self.weight =", "        self.inner = Inner()\n        self.weight =")
    settings, key = tiny_with(inner + body + HOOKS["after_blocks"])
    with pytest.raises(PartRoleError, match=f"{key}.inner.raw has no role: Added.roles lacks 'inner.raw'"):
        GPT(settings)


def test_a_parameter_that_nothing_fills_is_refused(tiny_with):
    settings, key = tiny_with(TEMPERATURE.format(roles='{"temperature": CONTROL}', start="pass"))
    gpt = GPT(settings)
    names = ", ".join(f"blocks.{index}.attn.{key}.temperature" for index in range(5))
    with pytest.raises(NotFilledError, match=f"initial weights: no `start` fills {names}"):
        gpt.init_weights(0)


def test_a_parameter_that_is_filled_in_part_is_refused(tiny_with):
    settings, _ = tiny_with(PART.replace("self.weight.fill_", "self.weight[1:].fill_") + HOOKS["after_blocks"])
    with pytest.raises(NotFilledError, match="weight"):
        GPT(settings).init_weights(0)


def test_a_part_that_acts_nowhere_is_refused(tiny_with):
    settings, key = tiny_with(PART + "    def after_block(self, x):\n        return x")
    with pytest.raises(PartRoleError, match=f"{key}: the part acts nowhere; it may define after_embedding, before_bl"):
        GPT(settings)


WITH_BLOCK = '''
from typing import Literal
from pydantic import Field
from flowgolf.settings import Settings

LARGEST = 4 * 2
MOST: int = LARGEST
AFTER = "layers"
ON = True

class Inner(Settings):
    """A block in the block."""
    kind: Literal["a", "b"] = "a"
    """Which."""

class MySettings(Settings):
    """What the part needs."""
    width: int = Field(MOST, ge=1, le=MOST)
    """How wide."""
    inner: Inner = Inner()

    def check_model(self, model: torch.Tensor) -> None:
        if model.dim % self.width:
            raise ValueError(f"my.width: {self.width} does not divide dim {model.dim}")
'''


def test_a_settings_block_is_read_without_importing_the_file(add, tiny):
    body = WITH_BLOCK + PART + HOOKS["after_blocks"]
    key, settings = add(body, purpose="My part: it does this.", head=HEAD + "import there_is_no_such_module\n")
    assert list(settings.model_fields).index(key) == list(settings.model_fields).index("layers") + 1
    assert settings.model_fields[key].description == "My part; null turns it off."
    own = settings()
    assert (getattr(own, key).width, getattr(own, key).inner.kind) == (8, "a")
    assert type(getattr(own, key)).model_fields["width"].description == "How wide."
    assert getattr(settings(**{key: None}), key) is None
    with pytest.raises(ValueError, match="less than or equal to 8"):
        settings(**{key: {"width": 9}})
    with pytest.raises(ValueError, match="my.width: 3 does not divide dim 512"):
        settings(**{key: {"width": 3}})
    with pytest.raises(PartFileError, match=r"my_part.py:\d+: ModuleNotFoundError: .*there_is_no_such_module"):
        registry.part_class(key)


def test_the_classes_of_the_file_are_those_that_settings_were_made_of(add):
    key, settings = add(WITH_BLOCK + PART.replace("model.dim)", "own.width)") + HOOKS["after_blocks"])
    module = registry.load(registry.module_name(key), registry.path(key))
    assert registry.part_class(key) is module.Added
    assert isinstance(getattr(settings(), key), module.MySettings)


@pytest.mark.parametrize(
    ("body", "line", "name"),
    [
        (WITH_BLOCK.replace("LARGEST = 4 * 2", "LARGEST = torch.numel"), 12, "torch"),
        (WITH_BLOCK.replace('    """How wide."""', "    depth: int = helper()"), 25, "helper"),
    ],
)
def test_settings_that_need_more_than_they_may_are_one_sentence(body, line, name, add):
    with pytest.raises(ValueError, match=rf"my_part\.py:{line}: {name} is not known where settings are read, which"):
        add(body + PART + HOOKS["after_blocks"])


@pytest.mark.parametrize(
    ("body", "head", "message"),
    [
        (
            PART + PART.replace("Added", "Other"),
            HEAD,
            "one class derived from Part; found a docstring and Added, Other",
        ),
        ("", HEAD, "found a docstring and no such class"),
        (PART, HEAD.partition("\n")[2], "found no docstring and Added"),
        (PART + "    def (self):", HEAD, r"my_part\.py:16: invalid syntax"),
        ('AFTER = "layer"\n' + PART, HEAD, "AFTER is 'layer', which is no key of the model"),
    ],
)
def test_a_file_that_is_no_part_is_one_sentence(body, head, message, add):
    with pytest.raises(ValueError, match=message):
        add(body, head=head)


def test_a_name_that_is_taken_is_refused(add):
    with pytest.raises(ValueError, match="dim.py: the model has a key dim of its own; rename the file"):
        add(PART, key="dim")
    del registry.further["dim"]
    with pytest.raises(ValueError, match="smear.py: the package has a part smear already; rename the file"):
        add(PART, key="smear")
