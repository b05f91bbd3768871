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
