"""A study that is written as its difference from another."""

import re

import pytest
import yaml

from flowgolf.study.errors import ConfigError, read_yaml
from flowgolf.study.extends import whole
from flowgolf.study.study import Study
from repository import ROOT

TEN_SEEDS = ROOT / "config" / "parameter_golf_10seeds.yaml"


def write(folder, **studies):
    for name, content in studies.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def resolved(path):
    return whole(read_yaml(path), [path])


def test_the_ten_seeds_are_the_published_study_but_for_what_the_file_says():
    ten, published = Study(resolved(TEN_SEEDS)), Study(read_yaml(ROOT / "config" / "parameter_golf.yaml"))
    assert ten.settings.name == "parameter_golf_10seeds"
    assert ten.settings.seeds == [42, 1337, 2025, 1, 2, 3, 4, 5, 6, 7]
    assert list(ten.overrides) == ["base", "nfm", "base-plan=matched", "nfm-plan=matched"]
    assert ten.variants == {name: published.variants[name] for name in ten.variants}
    assert (ten.settings.data, ten.settings.submission) == (published.settings.data, published.settings.submission)
    assert ten.settings.report == published.settings.report.model_copy(update={"pairs": []})
    assert len([line for line in TEN_SEEDS.read_text().splitlines() if not line.startswith("#")]) < 25


def test_blocks_merge_key_by_key_through_a_chain_and_null_removes_a_named_entry(tmp_path):
    (tmp_path / "far").mkdir()
    write(tmp_path / "far", first={"base": {"train": {"steps": 1, "ema": 2}}, "variants": {"a": {"x": 1}, "b": {}}})
    write(tmp_path, second={"extends": "far/first.yaml", "base": {"train": {"steps": 5}}, "variants": {"b": None}})
    write(tmp_path, third={"extends": "second.yaml", "variants": {"a": {"y": None}}})
    assert resolved(tmp_path / "third.yaml") == {
        "base": {"train": {"steps": 5, "ema": 2}}, "variants": {"a": {"x": 1, "y": None}},
    }  # fmt: skip


def test_another_source_of_data_replaces_the_block(tmp_path):
    write(tmp_path, first={"data": {"source": "hub", "repository": "r"}})
    write(tmp_path, same={"extends": "first.yaml", "data": {"revision": "v"}})
    write(tmp_path, other={"extends": "first.yaml", "data": {"source": "text", "paths": ["a"]}})
    assert resolved(tmp_path / "same.yaml")["data"] == {"source": "hub", "repository": "r", "revision": "v"}
    assert resolved(tmp_path / "other.yaml")["data"] == {"source": "text", "paths": ["a"]}


def test_what_the_command_line_says_goes_before_what_is_inherited(tmp_path):
    write(tmp_path, first={"seeds": [1], "name": "a"}, second={"extends": "first.yaml"})
    config = {"extends": "first.yaml", "seeds": [7]}  # as Snakemake gives it with --config
    assert whole(config, [tmp_path / "second.yaml"]) == {"seeds": [7], "name": "a"}


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"extends": "me.yaml"}, r"me.yaml: extends: goes round in a circle: .*me.yaml -> .*me.yaml"),
        (
            {"extends": "gone.yaml"},
            r"me.yaml: extends: no file .*gone.yaml; the path starts from the folder of me.yaml",
        ),
        ({"extends": 3}, r"me.yaml: extends: input should be the path of a study, found 3"),
        (
            {"extends": "first.yaml", "variants": {"nmf": None}},
            r"variants.nmf: null removes what is inherited, which it is not; did you mean nfm\?",
        ),
        (
            {"extends": "first.yaml", "sweeps": {"s": None}},
            r"sweeps.s: null removes what is inherited, which it is not$",
        ),
    ],
)
def test_what_cannot_be_extended_is_told(tmp_path, own, message):
    write(tmp_path, first={"variants": {"nfm": {}}}, me=own)
    with pytest.raises(ConfigError) as refused:
        resolved(tmp_path / "me.yaml")
    assert re.search(message, str(refused.value))
