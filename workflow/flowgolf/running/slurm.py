"""SLURM, asked in this one module: the job of this process, the queue, what it would take, what it may cancel."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120
"""How long an answer may take that a launch or a lock depends on: a busy controller is slow, not dead."""
GLANCE_SECONDS = 5
"""How long a mere look at the queue may hold up a person."""
WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED")
FAILURES = {
    "TIMEOUT": "time limit", "OUT_OF_MEMORY": "out of memory", "CANCELLED": "cancelled", "NODE_FAIL": "node failed",
    "PREEMPTED": "preempted", "DEADLINE": "deadline", "BOOT_FAIL": "node failed", "FAILED": "the job failed",
}  # fmt: skip
FORMAT = "%i|%T|%r|%Z|%k"  # job, state, reason, working directory, comment


def ask(command: Sequence[str], seconds: float, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of SLURM's commands; OSError without it, subprocess.TimeoutExpired when it does not answer."""
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=seconds, check=False
    )


def cluster_job() -> dict[str, Any]:
    """SLURM job, partition and node of this process, and the seconds that the job waited; None each without SLURM."""
    names = ("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURMD_NODENAME")
    return {**{name.lower(): os.environ.get(name) for name in names}, "queue_seconds": queue_seconds()}


def queue_seconds() -> int | None:
    """Seconds between submission and start of this process's SLURM job; None without one, or when SLURM is silent."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    command = ["squeue", "--noheader", "--jobs", job, "--format=%V %S"]
    try:
        submitted, started = ask(command, PATIENCE_SECONDS, SLURM_TIME_FORMAT="%s").stdout.split()  # since the epoch
        return int(started) - int(submitted)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


@dataclass(frozen=True)
class ClusterJob:
    """A job in the queue, or one that left it not long ago."""

    identifier: str
    state: str
    reason: str

    @property
    def waits(self) -> bool:
        """Whether it has not started."""
        return self.state in WAITING

    @property
    def failure(self) -> str:
        """Why it ended without success; nothing for any other job."""
        return FAILURES.get(self.state, "")


def cluster_jobs(folder: Path) -> tuple[Mapping[str, ClusterJob], str]:
    """Jobs that were submitted from a folder, by comment, the latest of each; and why they are not known, if so.

    No squeue on this machine is no cluster, and no problem.
    """
    if shutil.which("squeue") is None:
        return {}, ""
    try:
        done = ask(["squeue", "--me", "--states=all", "--noheader", f"--format={FORMAT}"], GLANCE_SECONDS)
    except subprocess.TimeoutExpired:
        return {}, f"squeue did not answer within {GLANCE_SECONDS} seconds"
    if done.returncode:
        return {}, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "squeue failed"
    return jobs_of(done.stdout, folder), ""


def jobs_of(listing: str, folder: Path) -> dict[str, ClusterJob]:
    """comment -> latest job of this folder, from a listing in `FORMAT`."""
    found: dict[str, ClusterJob] = {}
    for line in listing.splitlines():
        identifier, state, reason, directory, comment = line.split("|", 4)
        before = found.get(comment)
        latest = before is None or number(identifier) > number(before.identifier)
        if latest and Path(directory).resolve() == folder.resolve():
            found[comment] = ClusterJob(identifier, state, reason)
    return found


def number(identifier: str) -> int:
    """The number of a job, `12` of `12_3` and of `12_[1-4]`."""
    return int(identifier.partition("_")[0])


def has_started(job: str) -> bool | None:
    """Whether a job that SLURM knows has started and not ended; None when SLURM does not answer."""
    try:
        done = ask(["squeue", "--noheader", "--jobs", job, "--format=%T"], PATIENCE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return False if "Invalid job id" in done.stderr else None
    return done.stdout.strip() not in ("", "PENDING")


def refusal(sbatch: str) -> str:
    """What sbatch says against a job that would be submitted with this command line; empty if it would take it."""
    try:
        done = ask([*shlex.split(sbatch), "--test-only", "--wrap=true"], PATIENCE_SECONDS)
    except FileNotFoundError:
        raise ValueError(
            "no sbatch on the PATH: run on a login node of the cluster, load its SLURM module, "
            "or leave out --profile slurm to run on this machine"
        ) from None
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE_SECONDS} seconds"
    return " ".join(done.stderr.split()) if done.returncode else ""


def limit_minutes(partition: str) -> int | None:
    """The longest time that a partition gives a job, minutes; None for no limit, or none that is known.

    Most sites do not refuse a job that asks for more: it waits in the queue for ever.
    """
    if not partition:
        return None
    done = ask(["sinfo", "--noheader", f"--partition={partition}", "--format=%l"], PATIENCE_SECONDS)
    found = re.match(r"(?:(\d+)-)?(?:(\d+):)?(\d+):\d+\s", done.stdout)
    if found is None:
        return None
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes


def cancel_waiting(name: str) -> list[str] | None:
    """Cancel this user's jobs of that name which have not started; their ids, or None when SLURM does not answer."""
    listing = ["squeue", "--me", "--noheader", "--states=PENDING", f"--name={name}", "--format=%i"]
    try:
        done = ask(listing, PATIENCE_SECONDS)
        jobs = done.stdout.split()
        if jobs and done.returncode == 0:
            print(f"cancelling jobs that an earlier Snakemake left in the queue: {' '.join(jobs)}", file=sys.stderr)
            done = ask(["scancel", *jobs], PATIENCE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else jobs
