"""A failing job leaves one sentence on the terminal, the frames in the log and a record for the tables."""

import errno
import io
import sys
import time

import pytest

from flowgolf.files import read_json
from flowgolf.running.job import failed_for_good, job, sentence

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


def test_ctrl_c_is_one_sentence_and_a_record(tmp_path, capsys):
    _, record = fail(tmp_path, KeyboardInterrupt())
    assert capsys.readouterr().err == "train nfm seed 42 failed: stopped by SIGINT; run again to go on\n"
    assert record["message"] == "stopped by SIGINT; run again to go on"


def test_a_closed_terminal_stops_nothing(tmp_path, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("sys.stderr", Closed())
    with job(str(tmp_path / "a.log"), str(tmp_path / "failed" / "a.json"), "train", {}):
        print("at work", file=sys.stderr)
    assert (tmp_path / "a.log").read_text().startswith("at work\ntrain  done")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ValueError("nothing fits under the cap"), False),
        (FloatingPointError("not finite"), False),
        (TypeError("a bug"), False),
        (NotImplementedError("a bug"), False),
        (InterruptedError("stopped by SIGTERM"), True),
        (KeyboardInterrupt(), True),
        (OSError(errno.ENOSPC, "No space", "a.bin"), True),
        (ChildProcessError("process 2 of 2 died"), True),
        (MemoryError("out of memory"), True),
        (RuntimeError("CUDA error: an uncorrectable error was encountered"), True),
    ],
)
def test_only_what_may_go_well_another_time_is_tried_again(tmp_path, error, again):
    fail(tmp_path, error)
    failure = tmp_path / "failed" / "a.json"
    assert failed_for_good(str(failure), time.time() - 60) is not again
    assert not failed_for_good(str(failure), time.time() + 60)  # left by a launch before this one


@pytest.mark.parametrize("failure", [None, "gone.json"])
def test_a_job_that_left_no_word_is_tried_again(tmp_path, failure):
    assert not failed_for_good(failure and str(tmp_path / failure), 0.0)


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
