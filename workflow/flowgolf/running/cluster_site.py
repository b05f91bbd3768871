"""What the main process of a study asks SLURM before it submits anything."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROFILE = "profiles/slurm/config.yaml"
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Request:
    """What the jobs of one kind ask of SLURM."""

    name: str
    """Rule."""
    partition: str
    """Empty for the cluster's default one."""
    account: str
    """Empty for none."""
    minutes: int | None
    """Time limit, None for the partition's own."""
    sbatch: str
    """The command line that submits such a job, up to the work itself."""


def check_site(requests: Iterable[Request]) -> None:
    """Ask SLURM whether it would take and ever start such jobs.

    Raises ValueError that says what to edit in the profile.
    """
    for request in requests:
        told = refusal(request.sbatch)
        if told:
            raise ValueError(advice(told, request))
        limit = limit_minutes(request.partition)
        if limit is not None and request.minutes is not None and request.minutes > limit:
            raise ValueError(advice(f"time limit of partition {request.partition}: {limit} minutes", request))


def refusal(sbatch: str) -> str:
    """What sbatch says against a job that would be submitted so; empty if it would take it."""
    command = [*shlex.split(sbatch), "--test-only", "--wrap=true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except FileNotFoundError:
        raise ValueError(
            "no sbatch on the PATH: run on a login node of the cluster, load its SLURM module, "
            "or leave out --profile slurm to run on this machine"
        ) from None
    except subprocess.TimeoutExpired:
        return f"no answer within {TIMEOUT_SECONDS} seconds"
    return " ".join(done.stderr.split()) if done.returncode else ""


def limit_minutes(partition: str) -> int | None:
    """The longest time that a partition gives a job, minutes; None for no limit, or none that is known.

    Most sites do not refuse a job that asks for more: it waits in the queue for ever.
    """
    if not partition:
        return None
    command = ["sinfo", "--noheader", f"--partition={partition}", "--format=%l"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    found = re.match(r"(?:(\d+)-)?(?:(\d+):)?(\d+):\d+\s", done.stdout)
    if found is None:
        return None
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes


def advice(told: str, request: Request) -> str:
    """One sentence for a refusal: what to edit, in which file."""
    rule, partition, account = request.name, request.partition, request.account
    text = told.lower()
    if "account" in text:
        if account:
            return f"the cluster refuses account '{account}': edit slurm_account in {PROFILE} (SLURM says: {told})"
        return f"the cluster wants an account: set slurm_account in {PROFILE} (SLURM says: {told})"
    if "invalid partition" in text:
        return (
            f"the cluster has no partition '{partition}': edit slurm_partition in {PROFILE}, "
            f"`sinfo` lists what there is (SLURM says: {told})"
        )
    if "time limit" in text:
        return (
            f"rule {rule} asks for {request.minutes} minutes, which partition '{partition}' does not give: set a "
            f"shorter runtime for {rule} under set-resources in {PROFILE}; a training goes on from its saved state "
            f"(SLURM says: {told})"
        )
    return (
        f"the cluster takes no jobs of rule {rule} in partition '{partition}': see {PROFILE} "
        f"(SLURM says: {told}; asked for with: {request.sbatch})"
    )


def cancel_left_behind(folder: Path) -> list[str]:
    """Cancel jobs that an earlier main process of this folder, which died, has left waiting in the queue.

    Its running jobs go on: whoever makes the same output waits for them. Returns the ids of the cancelled jobs.
    """
    command = ["squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%k|%Z"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    jobs = [row[0] for row in rows if row[1].startswith("rule_") and row[2] == str(folder)]
    if jobs:
        print(f"cancelling jobs that an earlier Snakemake left in the queue: {' '.join(jobs)}", file=sys.stderr)
        subprocess.run(["scancel", *jobs], timeout=TIMEOUT_SECONDS, check=False)
    return jobs
