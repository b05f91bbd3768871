"""What the main process of a study asks SLURM before it submits anything."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PROFILE = "profiles/slurm/config.yaml"


def check_site(places: Iterable[tuple[str, str]]) -> None:
    """Ask SLURM whether it would take jobs for each (partition, account), both possibly empty.

    Raises ValueError that says what to edit in the profile.
    """
    for partition, account in places:
        options = [f"--partition={partition}"] if partition else []
        options += [f"--account={account}"] if account else []
        told = refusal(options)
        if told:
            raise ValueError(advice(told, partition, account))


def refusal(options: list[str]) -> str:
    """What sbatch says against a job with these options; empty if it would take it."""
    command = ["sbatch", "--test-only", "--ntasks=1", *options, "--wrap=true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        raise ValueError(
            "no sbatch on the PATH: run on a login node of the cluster, load its SLURM module, "
            "or leave out --profile slurm to run on this machine"
        ) from None
    except subprocess.TimeoutExpired:
        return "no answer within two minutes"
    return " ".join(done.stderr.split()) if done.returncode else ""


def advice(told: str, partition: str, account: str) -> str:
    """One sentence for a refusal of sbatch: what to edit, in which file."""
    text = told.lower()
    if "account" in text:
        if account:
            return f"the cluster refuses account '{account}': edit slurm_account in {PROFILE} (SLURM says: {told})"
        return f"the cluster wants an account: set slurm_account in {PROFILE} (SLURM says: {told})"
    if "partition" in text:
        return (
            f"the cluster has no partition '{partition}': edit slurm_partition in {PROFILE}, "
            f"`sinfo` lists what there is (SLURM says: {told})"
        )
    return f"the cluster takes no jobs for partition '{partition}': see {PROFILE} (SLURM says: {told})"


def cancel_left_behind(folder: Path) -> list[str]:
    """Cancel jobs that an earlier main process of this folder, which died, has left waiting in the queue.

    Its running jobs go on: whoever makes the same output waits for them. Returns the ids of the cancelled jobs.
    """
    command = ["squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%k|%Z"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    jobs = [row[0] for row in rows if row[1].startswith("rule_") and row[2] == str(folder)]
    if jobs:
        print(f"cancelling jobs that an earlier Snakemake left in the queue: {' '.join(jobs)}", file=sys.stderr)
        subprocess.run(["scancel", *jobs], timeout=120, check=False)
    return jobs
