"""Finished results by content: fetched only whole and unharmed."""

import os
import time
from pathlib import Path

import pytest

from flowgolf.running.store import Store, Work, main


@pytest.fixture
def work(tmp_path):
    """A job of one input and two outputs, done."""
    (tmp_path / "data.json").write_text("data")
    made = Work(
        outputs=[str(tmp_path / "model.bin"), str(tmp_path / "run.json")],
        inputs=[str(tmp_path / "data.json")],
        identity="train settings code",
        cache=str(tmp_path / "store"),
    )
    for path in made.outputs:
        with open(path, "w") as file:
            file.write(f"content of {os.path.basename(path)}")
    return made


def forget(work):
    for path in work.outputs:
        os.unlink(path)


def test_a_kept_result_comes_back(work):
    work.put("train nfm seed 42")
    forget(work)
    assert not work.complete()
    assert work.fetch()
    assert Path(work.outputs[0]).read_text() == "content of model.bin"
    assert work.complete()


def test_other_settings_or_another_input_are_another_result(work):
    work.put("train")
    assert not Work(work.outputs, work.inputs, "other settings", work.cache).fetch()
    with open(work.inputs[0], "a") as file:
        file.write("more")
    assert not work.fetch()


def test_without_a_store_nothing_is_kept_or_fetched(work, tmp_path):
    off = Work(work.outputs, work.inputs, work.identity)
    off.put("train")
    assert not off.fetch()
    assert not (tmp_path / "store").exists()


def test_a_damaged_entry_is_removed_and_told(work, capsys):
    work.put("train")
    entry = Store(work.cache).entry(work.key())
    (entry / "run.json").write_text("tampered")
    forget(work)
    assert not work.fetch()
    assert not entry.exists()
    assert not work.complete()
    assert "run.json: not what was stored" in capsys.readouterr().err


def test_a_second_writer_of_the_same_result_changes_nothing(work):
    work.put("first")
    work.put("second")
    assert [label for _, _, label, _ in Store(work.cache).entries()] == ["first"]


def test_a_store_that_cannot_be_written_never_fails_the_job(work, tmp_path, capsys):
    Store(work.cache).put(work.key(), [str(tmp_path / "gone.bin")], "train nfm seed 42")
    assert "the result of train nfm seed 42 is not kept" in capsys.readouterr().err
    assert Store(work.cache).entries() == []


def test_the_command_shows_and_prunes(work, capsys):
    work.put("train nfm seed 42")
    main([work.cache])
    assert "train nfm seed 42" in capsys.readouterr().out
    index = Store(work.cache).entry(work.key()) / "index.json"
    os.utime(index, (time.time() - 10 * 86400,) * 2)
    main([work.cache, "--prune", "7"])
    assert "removed 1 entries\n0 entries" in capsys.readouterr().out


def test_the_command_names_a_folder_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "gone")])
    assert "gone: no such folder" in capsys.readouterr().err
