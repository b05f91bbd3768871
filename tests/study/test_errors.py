"""YAML mistakes that a plain loader would swallow."""

import pytest

from flowgolf.study.errors import ConfigError, read_yaml


def test_a_variant_given_twice_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("variants:\n  nfm: {}\n  nfm: {a: 1}\n")
    with pytest.raises(ConfigError, match=r"study.yaml: 'nfm' stands twice \(again on line 3\)"):
        read_yaml(path)


def test_broken_yaml_is_refused_with_its_place(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("variants: [1, 2\nseeds: 3\n")
    with pytest.raises(ConfigError, match=r"study.yaml: not YAML \(.*line 2"):
        read_yaml(path)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone.yaml: cannot be read \(No such file"):
        read_yaml(tmp_path / "gone.yaml")
