"""Shards that are gone or changed are seen, and no more is read than has to be."""

import os

import pytest

from flowgolf.data import present
from flowgolf.data.present import forget_damaged
from flowgolf.files import sha256, write_json


@pytest.fixture
def data(tmp_path):
    """data.json, its shards and the sign that they are complete, an hour old."""
    shards = [tmp_path / "shards" / f"{name}.bin" for name in "ab"]
    for shard in shards:
        shard.parent.mkdir(exist_ok=True)
        shard.write_text(shard.name)
    listed = [{"path": f"shards/{shard.name}", "sha256": sha256(shard)} for shard in shards]
    write_json(tmp_path / "data.json", {"train": {"shards": listed[:1]}, "validation": {"shards": listed[1:]}})
    (tmp_path / "complete").touch()
    for path in (*shards, tmp_path / "complete"):
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    return tmp_path


def look(folder):
    forget_damaged(folder / "data.json", folder / "complete")
    return (folder / "complete").exists()


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_shard_that_is_gone_or_changed_is_seen(data, capsys, name):
    path = data / "shards" / f"{name}.bin"
    content = path.read_text()
    assert look(data)
    path.write_text(content.upper())
    os.utime(path)
    assert not look(data)
    assert f"{path} is not what it was: the data are made again" in capsys.readouterr().err
    path.unlink()
    (data / "complete").touch()
    assert not look(data)
    assert f"{path} is gone: the data are made again" in capsys.readouterr().err


def test_a_shard_that_was_only_touched_is_read_once(data, monkeypatch):
    read = []
    monkeypatch.setattr(present.files, "sha256", lambda path: read.append(path) or sha256(path))
    assert look(data)
    assert read == []
    (data / "shards" / "a.bin").touch()
    assert look(data)
    assert look(data)
    assert [path.name for path in read] == ["a.bin"]


@pytest.mark.parametrize("name", ["data.json", "complete"])
def test_before_there_are_data_there_is_nothing_to_see(data, name):
    (data / name).unlink()
    assert look(data) == (name == "data.json")
