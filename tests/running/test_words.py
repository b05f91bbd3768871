"""What Snakemake says is left out, or said in fewer words, where a job has told its sentence."""

import logging

import pytest

from flowgolf.running.words import Words


@pytest.fixture
def said(caplog):
    """Gives what is printed of a message that Snakemake logs."""
    words = Words(lambda target: f"{target}s")

    def say(message, **facts):
        record = logging.makeLogRecord({"msg": message, "levelno": logging.ERROR, **facts})
        return record.getMessage() if words.filter(record) else None

    return say


def failed(status):
    command = "Command 'set -e\nx' returned non-zero"
    return f'RuleException:\nCalledProcessError in file "a.smk", line 3:\n{command} exit status {status}.'


def test_a_job_that_failed_has_said_so_and_one_that_was_killed_has_not(said):
    assert said(failed(1)) is None
    assert said(failed(137)) == "a job was killed (exit status 137)"


def test_the_notice_of_a_failed_job_is_left_out_where_its_log_has_the_sentence(said, tmp_path):
    log, silent = tmp_path / "a.log", tmp_path / "b.log"
    log.write_text("train nfm seed 1 failed: too large\n  details: a.log\n")
    silent.write_text("train nfm seed 1   3% (1/30 steps)\n")
    assert said("Error in rule train", aux={}, log=[str(log)]) is None
    for kept in (
        {"aux": {}, "log": [str(silent)]},
        {"aux": {}, "log": ["gone"]},
        {"aux": {"job": 3}, "log": [str(log)]},
    ):
        assert said("Error in rule train", **kept) == "Error in rule train"


def test_an_error_of_the_snakefile_is_its_sentence(said):
    assert said('WorkflowError in file "/x/a.smk", line 3:\ns.yaml: name: bad\n  File "/x/a.smk", line 3, in f') == (
        "s.yaml: name: bad"
    )
    inside = (
        'InputFunctionException in rule a in file "b", line 2:\nError:\n  WorkflowError:\n    s.yaml: no\nWildcards:\n'
    )
    assert said(inside) == "s.yaml: no"


def test_an_unknown_target_is_told_with_the_nearest(said):
    told = said("MissingRuleException:\nNo rule to produce table (if you use input functions make sure that ...).")
    assert told == "no target 'table'; did you mean tables?"


def test_a_lock_says_what_removes_it(said):
    assert said("LockException:\nError: Directory cannot be locked. Please make ...").endswith(
        "If none runs any more: snakemake --unlock"
    )


def test_the_end_after_ctrl_c_is_one_sentence(said):
    end = "WorkflowError:\nAt least one job did not complete successfully."
    assert said(end) == end
    assert said("Terminating processes on user request, this might take some time.").startswith("stopping: ")
    assert said(end) == "stopped; the same command goes on from what is saved"
    assert said("Cannot restore a.json: no backup found.") is None
