"""Shards that are gone or changed are seen, and no more is read than has to be."""

import os

import pytest

from flowgolf.data import present
from flowgolf.data.present import forget_damaged
from flowgolf.files import sha256, write_json


@pytest.fixture
def data(tmp_path):
    """data.json and its shards, an hour old."""
    shards = [tmp_path / "shards" / f"{name}.bin" for name in "ab"]
    for shard in shards:
        shard.parent.mkdir(exist_ok=True)
        shard.write_text(shard.name)
    listed = [{"path": f"shards/{shard.name}", "sha256": sha256(shard)} for shard in shards]
    write_json(tmp_path / "data.json", {"train": {"shards": listed[:1]}, "validation": {"shards": listed[1:]}})
    for path in (*shards, tmp_path / "data.json"):
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    return tmp_path


def look(folder):
    forget_damaged(folder / "data.json", folder / "hub.json")
    return (folder / "data.json").exists()


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_shard_that_has_changed_is_seen(data, capsys, name):
    path = data / "shards" / f"{name}.bin"
    assert look(data)
    path.write_text(path.read_text().upper())
    assert not look(data)
    assert f"{path} is not what it was: the data are made again" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_shard_that_is_gone_is_seen(data, capsys, name):
    path = data / "shards" / f"{name}.bin"
    (data / "hub.json").touch()
    path.unlink()
    assert not look(data)
    assert not (data / "hub.json").exists()
    assert f"{path} is gone: the data are made again" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"train": {}}', '{"train": []}'])
def test_a_record_that_cannot_be_read_is_made_again(data, capsys, content):
    (data / "data.json").write_text(content)
    assert not look(data)
    assert "data.json is damaged: the data are made again" in capsys.readouterr().err


def test_a_shard_that_was_only_touched_is_read_once(data, monkeypatch):
    read = []
    monkeypatch.setattr(present.files, "sha256", lambda path: read.append(path) or sha256(path))
    assert look(data)
    assert read == []
    (data / "shards" / "a.bin").touch()
    assert look(data)
    assert look(data)
    assert [path.name for path in read] == ["a.bin"]


def test_before_there_are_data_there_is_nothing_to_see(tmp_path):
    assert not look(tmp_path)
