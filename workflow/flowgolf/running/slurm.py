"""The SLURM job that a process runs in."""

import os
import subprocess
from typing import Any


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
    environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}  # seconds since the epoch
    try:
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        submitted, started = answer.stdout.split()
        return int(started) - int(submitted)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
