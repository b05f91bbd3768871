"""What the real SLURM refuses is told before the first job, with what to edit and where."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("cluster")
PROFILE = "profiles/slurm/config.yaml"
TRAIN = ("results/tiny/runs/nfm/seed1/train/run.json", "--forcerun", "train")


@pytest.mark.parametrize(
    ("resources", "sentence"),
    [
        (["slurm_partition=gpus"], f"the cluster has no partition 'gpus': edit slurm_partition in {PROFILE}, `sinfo`"),
        (["slurm_partition=charged"], f"the cluster wants an account: set slurm_account in {PROFILE} (SLURM says: "),
        (
            ["slurm_partition=charged", "slurm_account=chemistry"],
            f"the cluster refuses account 'chemistry': edit slurm_account in {PROFILE} (SLURM says: ",
        ),
        (
            ["slurm_partition=gpu", "runtime=90"],
            "rule train asks for 90 minutes, which partition 'gpu' does not give: set a shorter runtime for train",
        ),
        (
            ["slurm_partition=gpu", "gpu=9"],
            f"the cluster takes no jobs of rule train in partition 'gpu': see {PROFILE} (SLURM says: ",
        ),
    ],
)
def test_what_the_cluster_refuses_is_told_before_the_first_job(finished, resources, sentence):
    clone = finished.clone
    before = len(clone.jobs())
    done = clone.snakemake(*TRAIN, "--set-resources", *(f"train:{each}" for each in resources))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(clone.jobs()) == before


def test_without_sbatch_the_remedy_is_told(finished, tmp_path):
    clone = finished.clone
    for name in ("bash", "which", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    outside = ["snakemake", "--profile", "slurm", *TRAIN]
    environment = {**clone.environment(), "PATH": f"{Path(sys.executable).parent}:{tmp_path}"}
    done = subprocess.run(
        outside, cwd=clone.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "no sbatch on the PATH: run on a login node of the cluster" in done.stderr


def test_the_sbatch_lines_are_shown_on_request(finished):
    done = finished.clone.snakemake(*TRAIN, "--config", "sbatch=show")
    assert done.returncode == 1
    assert "nothing is submitted" in done.stderr
    (shown,) = (line.split() for line in done.stdout.splitlines() if line.startswith("sbatch "))
    call = r"sbatch call: (sbatch .* --comment rule_train_wildcards_nfm_1 .*) --wrap="
    used = re.search(call, finished.said)[1].split()
    varying = ("--job-name", "--output", "--comment")
    options = [word for before, word in zip(shown, shown[1:], strict=False) if before not in varying]
    assert set(options) <= set(used)


def shown(clone, profile, *arguments):
    """The sbatch lines that a changed profile comes to, by rule."""
    usual = (clone.folder / PROFILE).read_text()
    try:
        clone.write_profile(profile)
        done = clone.snakemake(*arguments, "--config", "sbatch=show")
    finally:
        clone.write_profile(usual)
    assert "nothing is submitted" in done.stderr, done.stderr
    return {re.search(r"--comment rule_(\w+)", line)[1]: line for line in done.stdout.splitlines() if "sbatch " in line}


def test_commented_lines_of_the_profile_reach_sbatch(finished):
    clone = finished.clone
    lines = {"slurm_account": "physics", "gpu_model": "", "constraint": "a100", "qos": "long", "slurm-requeue": "",
             "slurm-exclude-failed-nodes": "", "slurm-array-jobs": ""}  # fmt: skip
    usual = clone.uncomment(lines)
    edited = (clone.folder / PROFILE).read_text()
    clone.write_profile(usual)
    train = shown(clone, edited, *TRAIN)["train"]
    for option in (" -A physics ", " -p gpu ", " -C a100 ", " --qos=long ", " --requeue ", " --gpus=a100:1"):
        assert option in f"{train} "
    assert " --exclude=badnode1,badnode2 " in train or " --exclude=badnode2,badnode1 " in train


def test_partitions_follow_from_what_jobs_need(finished):
    clone = finished.clone
    usual = clone.uncomment({"slurm-partition-config": ""})
    edited = re.sub(r"^ *slurm_partition: .*\n", "", (clone.folder / PROFILE).read_text(), flags=re.MULTILINE)
    clone.write_profile(usual)
    edited = edited.replace("train: &gpu\n", "train: &gpu\n    gpu: 1\n")
    lines = shown(clone, edited, "results/tiny/runs/nfm/seed1/sliding/made_from.json", "--forceall")
    partitions = {rule: line.partition(" -p ")[2].split()[0] for rule, line in lines.items()}
    assert partitions == {"tokenizer": "cpu", "tokens": "cpu", "train": "gpu", "export": "cpu", "sliding": "gpu"}
