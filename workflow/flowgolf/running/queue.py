"""The cluster's queue, as SLURM's squeue shows it."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED")
FAILURES = {
    "TIMEOUT": "time limit", "OUT_OF_MEMORY": "out of memory", "CANCELLED": "cancelled", "NODE_FAIL": "node failed",
    "PREEMPTED": "preempted", "DEADLINE": "deadline", "BOOT_FAIL": "node failed", "FAILED": "the job failed",
}  # fmt: skip
FORMAT = "%i|%T|%r|%Z|%k"  # job, state, reason, working directory, comment
TIMEOUT_SECONDS = 5


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
    command = ["squeue", "--me", "--states=all", "--noheader", f"--format={FORMAT}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {}, f"squeue did not answer within {TIMEOUT_SECONDS} seconds"
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
