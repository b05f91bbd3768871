"""A failing job leaves one sentence on the terminal, the frames in the log and a record for the tables."""

import errno

import pytest

from flowgolf.files import read_json
from flowgolf.running.job import job, sentence

NFM = {"stage": "train", "variant": "nfm", "seed": 42}


def fail(tmp_path, error):
    log, failure = tmp_path / "a.log", tmp_path / "failed" / "a.json"
    with pytest.raises(SystemExit), job(str(log), str(failure), "train nfm seed 42", NFM):
        raise error
    return log.read_text(), read_json(failure)


def test_a_failure_is_told_logged_and_recorded(tmp_path, capsys):
    log, record = fail(tmp_path, ValueError("the cap is too small"))
    told = capsys.readouterr().err
    assert told.startswith("train nfm seed 42 failed: the cap is too small\n")
    assert "Traceback" not in told
    assert "Traceback" in log
    assert {key: record[key] for key in (*NFM, "message")} == {**NFM, "message": "the cap is too small"}


def test_a_new_start_removes_the_old_failure(tmp_path, capsys):
    fail(tmp_path, ValueError("once"))
    with job(str(tmp_path / "a.log"), str(tmp_path / "failed" / "a.json"), "train", {}):
        assert not (tmp_path / "failed" / "a.json").exists()
    assert "train  done in 0:00" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("plain"), "plain"),
        (TypeError("odd"), "TypeError: odd"),
        (RuntimeError("CUDA out of memory. Tried"), "out of memory: raise train.micro_batches"),
        (MemoryError("out of memory at step 3"), "out of memory at step 3"),
        (MemoryError(), "out of memory: raise train.micro_batches"),
        (OSError(errno.ENOSPC, "No space", "a.bin"), "disk full while writing a.bin"),
        (ValueError(), "ValueError: "),
    ],
)
def test_the_sentence_that_matters(error, expected):
    assert sentence(error).startswith(expected)
