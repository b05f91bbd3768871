"""Two studies, a status, a preempted and a cancelled job at once; then Ctrl-C, and code edited while jobs wait."""

import re

import pytest

pytestmark = pytest.mark.xdist_group("cluster")


def went_on(record):
    """Whether each session of a training began where the one before had stopped, and the first at the beginning."""
    return [session["from_step"] > 0 for session in record["sessions"]]


def test_nothing_of_two_studies_at_once_runs_twice(story, crowd):
    """One training of each is taken from its node; the ids of all jobs are printed (pytest -rP shows them)."""
    for each, variant in ((story, "cancelled"), (crowd, "preempted")):
        jobs = [job for job in each.jobs if job.comment == f"rule_train_wildcards_{variant}_1"]
        print(*(f"{variant}: SLURM job {job.identifier} {job.state} on {job.node}" for job in jobs), sep="\n")
        assert [job.state for job in jobs].count("COMPLETED") == 1
        assert went_on(each.clone.record(variant)) == [False, True]
    print(f"status:\n{crowd.status_meanwhile}")
    submitted = [job.identifier for job in crowd.jobs]
    assert not {job.identifier for job in story.jobs} & set(submitted)
    assert "cancelling" not in crowd.said_of_preempted + crowd.status_meanwhile


def test_a_preempted_job_waits_and_goes_on_under_its_number(story, crowd):
    (job,) = crowd.trainings("preempted")
    sessions = crowd.clone.record("preempted")["sessions"]
    assert [session["slurm_job_id"] for session in sessions] == [str(job.identifier)] * 2
    assert re.search(rf"\| preempted +\|.*\| train queued \(job {job.identifier}: \w+\)", crowd.status_meanwhile)


def test_commented_lines_of_the_profile_reach_the_cluster(story, crowd):
    (job,) = crowd.trainings("preempted")
    asked = crowd.slurm.asked(job)
    assert (asked["Features"], asked["TresPerNode"], asked["Requeue"]) == ("spare", "gres:gpu:1", "1")
    assert "TresPerJob" not in asked
    assert job.node == "g3"


def test_ctrl_c_cancels_and_the_same_command_goes_on(story, crowd):
    assert "Traceback" not in crowd.said_at_ctrl_c
    assert crowd.said_at_ctrl_c.rstrip().endswith("stopped; the same command goes on from what is saved")
    (first, *rest), beside = crowd.trainings("interrupted"), crowd.trainings("beside")
    assert first.state == "CANCELLED"
    assert went_on(crowd.clone.record("interrupted")) == [False, True]
    array = rest + beside  # both have the comment of the array's first task
    assert [job.state for job in array] == ["COMPLETED", "COMPLETED"]
    sessions = [crowd.clone.record(name)["sessions"][-1] for name in ("interrupted", "beside")]
    assert {session["slurm_job_id"] for session in sessions} == {str(job.identifier) for job in array}
    assert "Submitted array job" in crowd.said_afterwards


def test_code_that_is_edited_while_a_job_waits_is_refused_with_one_sentence(story, crowd):
    assert crowd.waited
    assert [job.state for job in crowd.trainings("edited")] == ["FAILED"]  # and is not tried again
    told = "train edited seed 1 failed: the code or a library has changed since this launch was planned"
    assert crowd.said_of_edited.count(told) == 1
    assert not (crowd.clone.run_folder("edited") / "train/run.json").exists()
