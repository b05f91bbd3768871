"""What is said before anything is submitted to a cluster that would refuse it; squeue and sbatch are stand-ins here."""

import pytest

from flowgolf.running import slurm
from flowgolf.running.cluster_site import Request, check_site
from flowgolf.running.slurm import limit_minutes
from flowgolf.study import memory, time_limits
from flowgolf.study.study import Study


def request(partition="gpu", account="", minutes=30):
    return Request("train", partition, account, minutes, f"sbatch -p '{partition}' -t {minutes}")


def test_no_sbatch_is_told_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"no sbatch on the PATH: run on a login node .* or leave out --profile slurm"):
        check_site([request()])


@pytest.mark.parametrize(
    ("asked", "slurm_says", "message"),
    [
        (
            request("gpus"),
            "invalid partition specified: gpus",
            r"no partition 'gpus': edit slurm_partition in profiles/slu",
        ),
        (request(account="me"), "Invalid account", r"refuses account 'me': edit slurm_account in profiles/slurm/con"),
        (request(), "an account is needed", r"wants an account: set slurm_account in profiles/slurm/config.yaml"),
        (
            request(),
            "time limit is invalid",
            r"rule train asks for 30 minutes, .* partition 'gpu' .* shorter runtime .* in profiles/slurm/config.yaml",
        ),
        (
            request(),
            "Node count too large",
            r"takes no jobs of rule train in partition 'gpu': see profiles/slurm/config.yaml",
        ),
    ],
)
def test_a_refusal_says_what_to_edit(stand_in, asked, slurm_says, message):
    stand_in("sbatch", f"echo '{slurm_says}' >&2; exit 1")
    with pytest.raises(ValueError, match=rf"{message}.*SLURM says: {slurm_says}"):
        check_site([asked])


def test_a_cluster_that_does_not_answer_is_told(stand_in, monkeypatch):
    monkeypatch.setattr(slurm, "PATIENCE_SECONDS", 0.2)
    stand_in("sbatch", "exec sleep 9")
    with pytest.raises(ValueError, match=r"SLURM says: no answer within 0.2 seconds"):
        check_site([request()])


def test_a_cluster_that_would_take_the_jobs_is_silent(stand_in, tmp_path):
    stand_in("sbatch", f"echo $* >> {tmp_path}/asked")
    stand_in("sinfo", "echo '1:00:00 '")
    check_site([request(account="me"), request("")])
    assert (tmp_path / "asked").read_text().splitlines() == [
        "-p gpu -t 30 --test-only --wrap=true",
        "-p -t 30 --test-only --wrap=true",
    ]


@pytest.mark.parametrize(
    ("shown", "minutes"),
    [("30:00", 30), ("1:00:00", 60), ("2-01:30:00", 49 * 60 + 30), ("infinite", None), ("n/a", None)],
)
def test_the_limit_of_a_partition_is_read(stand_in, shown, minutes):
    stand_in("sinfo", f"printf '%-10s\\n' {shown}")
    assert limit_minutes("gpu") == minutes


def test_a_job_that_would_wait_for_ever_is_refused(stand_in):
    stand_in("sbatch", "exit 0")
    stand_in("sinfo", "echo '20:00 '")
    with pytest.raises(ValueError, match=r"asks for 30 minutes, .*SLURM says: time limit of partition gpu: 20 minutes"):
        check_site([request()])


def test_time_limits_grow_with_the_study(config):
    run = Study(config).variants["base"]
    longer = run.model_copy(update={"train": run.train.model_copy(update={"steps": 10**7, "val_every": 10**6})})
    assert time_limits.train_minutes(run) == 30 <= time_limits.import_minutes(run)
    assert time_limits.train_minutes(longer) > 50
    capped = longer.train.model_copy(update={"max_seconds": 600.0})
    assert time_limits.train_minutes(longer.model_copy(update={"train": capped})) == 40
    often = longer.model_copy(update={"train": longer.train.model_copy(update={"val_every": 1000})})
    assert time_limits.train_minutes(often) > time_limits.train_minutes(longer) + 60
    assert time_limits.legal_ttt_minutes(run) >= time_limits.sliding_minutes(run) >= 30


def test_memory_grows_with_the_model_the_devices_and_the_activations_of_scoring(config):
    run = Study(config).variants["base"]
    larger = run.model_copy(update={"model": run.model.model_copy(update={"dim": 4 * run.model.dim})})
    assert memory.BASE_MB < memory.train_mb(run) < memory.train_mb(larger)
    two = run.train.model_copy(update={"devices": 2})
    assert memory.train_mb(run.model_copy(update={"train": two})) == 2 * memory.train_mb(run)
    assert memory.sliding_mb(run) == memory.model_mb(run) + run.evaluate.sliding.memory_mb
    assert memory.legal_ttt_mb(run) == memory.model_mb(run) + run.evaluate.legal_ttt.memory_mb
