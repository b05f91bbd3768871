"""Finished results by content: fetched only whole and unharmed."""

import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from flowgolf.running.store import Store, main

KEY = "ab" + 62 * "0"
OTHER = "cd" + 62 * "0"


@pytest.fixture
def outputs(tmp_path):
    """Two files that a job left."""
    paths = [tmp_path / "model.bin", tmp_path / "run.json"]
    for path in paths:
        path.write_text(f"content of {path.name}")
    return [str(path) for path in paths]


@pytest.fixture
def store(tmp_path):
    """A store that does not exist yet."""
    return Store(tmp_path / "store")


def forget(outputs):
    for path in outputs:
        os.unlink(path)


def test_a_kept_result_comes_back(store, outputs):
    store.put(KEY, outputs, "train nfm seed 42")
    forget(outputs)
    assert store.fetch(KEY, outputs)
    assert Path(outputs[0]).read_text() == "content of model.bin"


def test_another_key_is_another_result(store, outputs):
    store.put(KEY, outputs, "train")
    assert not store.fetch("cd" + KEY[2:], outputs)


def test_a_damaged_entry_is_removed_and_told(store, outputs, capsys):
    store.put(KEY, outputs, "train")
    (store.entry(KEY) / "run.json").write_text("tampered")
    forget(outputs)
    assert not store.fetch(KEY, outputs)
    assert not store.entry(KEY).exists()
    assert not any(Path(path).exists() for path in outputs)
    assert "run.json: not what was stored" in capsys.readouterr().err


def test_a_second_writer_of_the_same_result_changes_nothing(store, outputs):
    store.put(KEY, outputs, "first")
    store.put(KEY, outputs, "second")
    assert [entry.label for entry in store.entries()] == ["first"]


def test_a_result_that_cannot_be_kept_never_fails_the_job(store, tmp_path, capsys):
    store.put(KEY, [str(tmp_path / "gone.bin")], "train nfm seed 42")
    assert "the result of train nfm seed 42 is not kept" in capsys.readouterr().err
    assert store.entries() == []


def test_a_store_that_is_no_folder_never_fails_the_job(tmp_path, outputs, capsys):
    (tmp_path / "file").write_text("in the way")
    Store(tmp_path / "file").put(KEY, outputs, "train nfm seed 42")
    assert "the result of train nfm seed 42 is not kept" in capsys.readouterr().err


def test_the_command_shows_and_prunes(store, outputs, capsys):
    store.put(KEY, outputs, "train nfm seed 42")
    main([str(store.folder)])
    assert "train nfm seed 42" in capsys.readouterr().out
    os.utime(store.entry(KEY) / "index.json", (time.time() - 10 * 86400,) * 2)
    main([str(store.folder), "--prune", "7"])
    assert "removed 1 entries\n0 entries" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"label": "train", "sha256": 3}', None])
def test_a_damaged_index_stops_neither_listing_nor_pruning_nor_a_job(store, outputs, capsys, content):
    store.put(KEY, outputs, "train")
    store.put(OTHER, outputs, "export")
    index = store.entry(KEY) / "index.json"
    index.unlink()
    if content is not None:
        index.write_text(content)
    main([str(store.folder)])
    assert "2 entries" in capsys.readouterr().out
    assert not store.fetch(KEY, outputs)
    for path in outputs:
        Path(path).write_text("made again")
    store.put(KEY, outputs, "train again")
    assert store.fetch(KEY, outputs)
    (store.entry(KEY) / "index.json").write_text("{")
    main([str(store.folder), "--prune", "0"])
    assert "removed 2 entries\n0 entries" in capsys.readouterr().out


def test_the_longest_unused_go_first_when_a_store_is_too_large(store, outputs, capsys):
    for age, key in enumerate((KEY, OTHER)):
        store.put(key, outputs, f"train {age}")
        os.utime(store.entry(key) / "index.json", (time.time() - age * 86400,) * 2)
    size_bytes = store.entries()[0].size_bytes
    main([str(store.folder), "--keep", str(1.5 * size_bytes / 1e9)])
    told = capsys.readouterr().out
    assert "removed 1 entries" in told
    assert "train 0" in told
    assert "train 1" not in told


def test_a_full_disk_of_the_store_never_fails_the_job(store, outputs, capsys, monkeypatch):
    def full(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    store.put(KEY, outputs, "train nfm seed 42")
    assert "the result of train nfm seed 42 is not kept ([Errno 28] No space left" in capsys.readouterr().err
    assert not list(store.folder.glob("??/*")) and not list(store.folder.glob("??/.*"))


def test_the_command_names_a_folder_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "gone")])
    assert "gone: no such folder" in capsys.readouterr().err
