"""What was computed from some texts is not computed again, and nothing else is taken for it."""

import pytest

from flowgolf import provenance
from flowgolf.running.remembered import folder, remembered


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def never():
    raise AssertionError("computed again")


def test_the_same_texts_are_computed_once():
    assert remembered([b"a", b"b"], lambda: [1, "x"]) == [1, "x"]
    assert remembered([b"a", b"b"], never) == [1, "x"]


@pytest.mark.parametrize("texts", [[b"a"], [b"ab"], [b"b", b"a"], [b"a", b"b", b""], []])
def test_other_texts_are_computed(texts):
    remembered([b"a", b"b"], lambda: 1)
    assert remembered(texts, lambda: 2) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\x00"])
def test_a_file_that_is_damaged_is_written_again(text):
    remembered([b"a"], lambda: 1)
    (file,) = folder().iterdir()
    file.write_text(text)
    assert remembered([b"a"], lambda: 2) == 2
    assert remembered([b"a"], never) == 2


def test_a_folder_that_cannot_be_made_is_no_folder(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert remembered([b"a"], lambda: 1) == 1
    assert remembered([b"a"], lambda: 2) == 2


def test_an_edit_of_a_source_is_seen_where_its_old_text_is_remembered(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("A = 1\n")
    before = provenance.read_source(script)
    script.write_text("A = 2\n")
    provenance.read_source.cache_clear()
    assert provenance.read_source(script).digest != before.digest
    script.write_text("A = 1\n")
    provenance.read_source.cache_clear()
    assert provenance.read_source(script) == before
