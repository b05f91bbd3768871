"""Finished results by content: fetched only whole and unharmed."""

import os
import time
from pathlib import Path

import pytest

from flowgolf.running.store import Store, main

KEY = "ab" + 62 * "0"


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
    assert [label for _, _, label, _ in store.entries()] == ["first"]


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


def test_the_command_names_a_folder_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "gone")])
    assert "gone: no such folder" in capsys.readouterr().err
