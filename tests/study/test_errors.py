"""YAML mistakes that a plain loader would swallow."""

import pytest

from flowgolf.study.command_line import check_command_line
from flowgolf.study.errors import ConfigError, read_yaml


def test_a_variant_given_twice_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("variants:\n  nfm: {}\n  nfm: {a: 1}\n")
    with pytest.raises(ConfigError, match=r"study.yaml: 'nfm' stands twice \(again on line 3\)"):
        read_yaml(path)


def test_broken_yaml_is_refused_with_its_place(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("variants: [1, 2\nseeds: 3\n")
    with pytest.raises(ConfigError, match=r"study.yaml: line 2, column 6: not YAML: .*begins on line 1"):
        read_yaml(path)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone.yaml: no such file"):
        read_yaml(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match=r": cannot be read \(Is a directory\)"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a study is keys and values"),
        ("- a\n- b\n", "holds a list; a study is keys and values"),
        ("name: x\nbase:\n\tmodel: 3\n", "line 3, column 1: a tab; YAML indents with spaces"),
    ],
)
def test_what_is_no_study_is_told_with_its_line(tmp_path, text, message):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_yaml(path)
    assert message in str(refused.value)


def test_a_bad_configuration_file_on_the_command_line_is_told_before_snakemake_reads_it(tmp_path, capsys):
    (tmp_path / "good.yaml").write_text("name: x\n")
    (tmp_path / "bad.yaml").write_text("name: [\n")
    good, bad = str(tmp_path / "good.yaml"), str(tmp_path / "bad.yaml")
    check_command_line(["snakemake", "-n", "--configfile", good, "--cores", "1", bad])
    for given in (["--configfile", good, bad], [f"--configfiles={bad}", "all"]):
        with pytest.raises(SystemExit):
            check_command_line(given)
        assert capsys.readouterr().err.startswith(f"{bad}: line 2, column 1: not YAML")
