"""No fault of a cluster loses work or makes any twice; the story that these tests look at is in fault_story.py."""

import os
import re
from collections import Counter

import pytest

from cluster.cluster_clone import BASE_MB, LONG, study_to_disturb
from flowgolf.study.study import Study
from flowgolf.train import loop

pytestmark = pytest.mark.xdist_group("cluster")


def states(story, variant, rule="train"):
    """How the jobs of a rule for a variant ended, the first submitted first."""
    return [job.state for job in story.jobs if job.comment == f"rule_{rule}_wildcards_{variant}_1"]


@pytest.mark.parametrize("variant", LONG)
def test_whatever_happened_the_weights_are_those_of_an_undisturbed_training(story, variant, tmp_path):
    clone = story.clone
    settings = Study(study_to_disturb(clone.config)).variants[variant]
    loop.train(
        model_settings=settings.model, settings=settings.train, variant=variant, seed=1,
        data_json=clone.results / "data/data.json", model_path=tmp_path / "model.safetensors",
        curve_path=tmp_path / "train.csv", record_path=tmp_path / "run.json", state_dir=tmp_path / "state",
    )  # fmt: skip
    disturbed = clone.run_folder(variant) / "train/model.safetensors"
    assert disturbed.read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test_a_job_whose_node_went_down_waits_and_goes_on_where_it_was(story):
    sessions = story.clone.record("moved")["sessions"]
    assert [session["from_step"] > 0 for session in sessions] == [False, True]
    assert sessions[0]["slurmd_nodename"] == story.node
    assert sessions[0]["slurm_job_id"] == sessions[1]["slurm_job_id"]
    assert re.search(r"\| moved +\|.*\| train queued \(job \d+: \w+\)", story.status_meanwhile)
    assert re.search(r"\| orphan +\|.*\| train running.*\(job \d+\)", story.status_meanwhile)


def test_after_a_kill_of_the_main_process_running_work_is_waited_for_and_made_once(story):
    assert story.orphan_ran_on
    assert states(story, "orphan") == ["COMPLETED", "COMPLETED"]
    first, second = (job for job in story.jobs if job.comment == "rule_train_wildcards_orphan_1")
    assert f"train orphan seed 1: made by SLURM job {first.identifier}" in story.clone.log("orphan")
    assert [session["slurm_job_id"] for session in story.clone.record("orphan")["sessions"]] == [str(first.identifier)]


def test_a_status_and_another_study_of_the_same_clone_cancel_nothing(story):
    assert story.waited_beside_others
    assert "cancelling" not in story.said_beside + story.status_meanwhile
    assert [job.state for job in story.jobs if job.comment == "rule_tokenizer"] == ["COMPLETED"]


def test_after_a_kill_of_the_main_process_its_waiting_jobs_are_cancelled_and_no_others(story):
    (left,) = (job for job in story.jobs if job.comment == "rule_train_wildcards_left_1")
    assert left.state == "CANCELLED"
    assert f"cancelling jobs that an earlier Snakemake left in the queue: {left.identifier}\n" in story.said
    assert states(story, "foreign") == ["PENDING"]


def test_the_name_of_a_job_says_the_study_and_its_comment_the_rest(story):
    assert re.fullmatch(r"tiny_[0-9a-f-]{36}", story.name)


def test_a_cancelled_job_is_submitted_again_and_goes_on(story):
    assert states(story, "cancelled") == ["CANCELLED", "COMPLETED"]
    assert [session["from_step"] > 0 for session in story.clone.record("cancelled")["sessions"]] == [False, True]


def test_a_job_out_of_time_saves_its_state_and_goes_on_in_another(story):
    first, second = (job for job in story.jobs if job.comment == "rule_train_wildcards_late_1")
    said = story.clone.slurm_log(first)
    step = re.search(r"train late seed 1 failed: stopped by SIGTERM after step (\d+); the state is kept", said)[1]
    sessions = story.clone.record("late")["sessions"]
    assert [session["from_step"] for session in sessions] == [0, int(step)]
    assert [session["slurm_job_id"] for session in sessions] == [str(first.identifier), str(second.identifier)]


def test_a_job_that_needs_more_memory_than_it_asked_for_gets_more(story):
    assert states(story, "hungry") == ["FAILED", "COMPLETED"]  # what OverMemoryKill says of it
    jobs = [job for job in story.jobs if job.comment == "rule_train_wildcards_hungry_1"]
    first, second = (int(story.slurm.asked(job)["MinMemoryNode"].removesuffix("M")) for job in jobs)
    assert second == 2 * first >= 2 * BASE_MB


def test_a_failed_job_leaves_the_others_going_and_shows_as_failed(story):
    assert states(story, "broken") == ["FAILED"]  # and is not tried again: it would fail again
    assert re.search(r"\| broken +\| 1 +\| - +\| failed: not finite at step \d", story.said)
    details = "results/tiny/logs/train/broken/seed1.log"
    assert re.search(rf"train broken seed 1 failed: not finite at step \d+: loss .*\n  details: {details}", story.said)


def test_only_what_is_new_is_submitted(story):
    assert Counter(job.comment.removeprefix("rule_") for job in story.jobs) == {
        "train_wildcards_moved_1": 1, "train_wildcards_orphan_1": 2, "train_wildcards_left_1": 1,
        "train_wildcards_foreign_1": 1, "tokenizer": 1,
        "train_wildcards_cancelled_1": 2, "train_wildcards_late_1": 2, "train_wildcards_broken_1": 1,
        "train_wildcards_hungry_1": 2,
        **{f"{rule}_wildcards_nfm-loss_weight=0.2_1": 1 for rule in ("train", "export", "sliding", "legal_ttt")},
    }  # fmt: skip


def test_settings_of_the_shell_stay_outside_and_caches_on_the_node(story):
    environment = story.environment
    assert not {"OMP_NUM_THREADS", "TORCH_LOGS"} & environment.keys()
    scratch = environment["TMPDIR"]
    assert not scratch.startswith(str(story.clone.folder))
    caches = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH")
    own = f"{scratch}/flowgolf-{os.getuid()}/"
    assert {environment[name].startswith(own) for name in caches} == {True}
    assert environment["CUDA_VISIBLE_DEVICES"] == "0"
