"""The stand-in for pydantic in the generated file: the same blocks, the same words, its refusals."""

import json
from types import ModuleType
from typing import Any

import pytest

from flowgolf.evaluate.settings import EvaluateSettings
from flowgolf.model.registry import kept_in_files
from flowgolf.model.settings import ModelSettings
from flowgolf.study.settings import RunSettings


def test_settings_come_out_as_pydantic_gives_them(generated: ModuleType, nfm: RunSettings) -> None:
    model, evaluate = kept_in_files(nfm.model.model_dump()), nfm.evaluate.model_dump()
    for block, theirs in [(model, generated.ModelSettings), (evaluate, generated.EvaluateSettings)]:
        read = theirs.model_validate(block)
        assert list(kept_in_files(read.model_dump()).items()) == list(block.items())
        assert theirs.model_validate_json(json.dumps(block)).model_dump_json() == read.model_dump_json()


def test_defaults_are_pydantics(generated: ModuleType) -> None:
    theirs = generated.ModelSettings.model_validate({}).model_dump()
    assert theirs.pop("flow_matcher") is None  # nfm's file has it, though not by default
    assert kept_in_files(theirs) == kept_in_files(ModelSettings().model_dump())
    assert theirs["residual_stream"] == ModelSettings().residual_stream
    blocks = {"sliding": {}, "legal_ttt": {"seq_len": 64, "lr": 1}}
    ours = EvaluateSettings.model_validate(blocks)
    assert generated.EvaluateSettings.model_validate(blocks).model_dump() == ours.model_dump()


def test_a_copy_has_the_changes_and_leaves_the_original(generated: ModuleType) -> None:
    settings = generated.ModelSettings.model_validate({})
    assert settings.model_copy(update={"layers": 3}).layers == 3
    assert settings.layers == 11


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hedas": 4}, "hedas: unknown key"),
        ({"heads": "4"}, "heads: '4' is no"),
        ({"smear": 1}, "smear: 1 is no"),
        ({"heads": True}, "heads: True is no"),
        ({"bigram": {"buckets": 4.5}}, "bigram: .* is no"),
        ({"flow_matcher": {"init": "random"}}, "flow_matcher: .* is no"),
        ({"heads": 3}, "heads: 3 does not divide dim 512"),
    ],
)
def test_a_wrong_value_is_refused_by_name(generated: ModuleType, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generated.ModelSettings.model_validate(values)


def test_a_missing_value_is_refused_by_name(generated: ModuleType) -> None:
    with pytest.raises(generated.ValidationError, match="size: missing"):
        generated.Span.model_validate({"offset": 0})


@pytest.mark.parametrize("raw", [b"{", b"[1]", b'{"codec": "zip"}'])
def test_a_damaged_header_is_one_sentence(generated: ModuleType, raw: bytes) -> None:
    with pytest.raises(ValueError, match="^header: "):
        generated.parse_header(raw)
