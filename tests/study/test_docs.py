"""The schema and the page say what the settings say; the shipped study is commented throughout."""

import json
import re

import jsonschema
import pytest

from flowgolf.study.docs import PAGE, SCHEMA, page_text, schema_text
from repository import ROOT

HINT = "run `python -m flowgolf.study.docs`"


def test_schema_is_up_to_date():
    assert SCHEMA.read_text() == schema_text(), HINT


def test_page_is_up_to_date():
    assert PAGE.read_text() == page_text(), HINT


def test_schema_accepts_the_quick_study_and_refuses_a_typo_in_a_variant(config):
    schema = json.loads(schema_text())
    jsonschema.validate(config, schema)
    config["variants"]["nfm"]["model"]["flow_matcher"]["hiden_dim"] = 1
    with pytest.raises(jsonschema.ValidationError, match="hiden_dim"):
        jsonschema.validate(config, schema)


def test_schema_lets_a_study_that_extends_leave_out_what_it_inherits(config):
    schema = json.loads(schema_text())
    del config["base"]["train"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({key: config[key] for key in ("name", "variants", "base")}, schema)
    own = {"extends": "config.yaml", "variants": {"nfm": None}, "base": {"train": {"steps": 3}}}
    jsonschema.validate(own, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**own, "base": {"train": {"stepps": 3}}}, schema)


def test_every_setting_has_a_description():
    rows = re.findall(r"^\| `.*\|$", PAGE.read_text(), re.MULTILINE)
    assert rows
    assert not [row for row in rows if row.rstrip(" |").endswith("|") or re.search(r"\|\s*\|$", row)]


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_every_key_of_a_shipped_study_has_a_comment(path):
    lines = [line for line in path.read_text().splitlines() if re.match(r"\s*[\w+=.]+:", line)]
    opens_block = re.compile(r"\s*[\w+=.]+:\s*$")
    bare = [line for line in lines if "#" not in line and not opens_block.match(line)]
    assert len(lines) > (10 if any(line.startswith("extends:") for line in lines) else 20)
    assert bare == []
