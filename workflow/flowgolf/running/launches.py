"""Who submits jobs from a folder, and what they were planned to run: a small file for each main process.

So jobs which nobody waits for are found, and a job that starts hours later notices that the code is another one.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowgolf import files
from flowgolf.running import slurm

FOLDER = Path(".snakemake", "flowgolf", "launches")
LAUNCH = "FLOWGOLF_LAUNCH"
"""Variable of the environment of jobs: the name of the launch that has submitted them."""


def announce(folder: Path, name: str, job: str | None, planned: Sequence[str]) -> None:
    """Leave word in `folder` that this process submits jobs called `name` there; `job` is its own SLURM job, if any.

    `planned` are the labels of their results and the fingerprints of their code. The word stays: it is removed by a
    later launch, once this process has ended. Jobs inherit its name in their environment.
    """
    process = {"machine": machine(), "pid": os.getpid(), "started": started(os.getpid())}
    files.write_json(folder / FOLDER / f"{name}.json", {"name": name, "job": job, **process, "planned": [*planned]})
    os.environ[LAUNCH] = name  # a step of a job has the job's name no more in SLURM_JOB_NAME


def planned_for_this_job(folder: Path) -> list[str] | None:
    """What was planned by the launch that submitted this SLURM job; None outside of one, or where no word is left."""
    name, job = os.environ.get(LAUNCH), os.environ.get("SLURM_JOB_ID")
    launch = read(folder / FOLDER / f"{name}.json") if name and job else None
    return launch["planned"] if launch and launch["job"] != job else None


def cancel_left_behind(folder: Path) -> list[str]:
    """Cancel what earlier main processes of `folder`, known to be dead, have left waiting in the queue.

    Their running jobs go on: whoever makes the same output waits for them. Returns the ids of the cancelled jobs.
    """
    cancelled = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        launch = read(path)
        if launch is None or ended(launch) is not True:
            continue
        jobs = slurm.cancel_waiting(launch["name"])
        if jobs is not None:
            cancelled += jobs
            path.unlink(missing_ok=True)
    return cancelled


def read(path: Path) -> dict[str, Any] | None:
    """Content of such a file; None for one of another user, or one that cannot be read."""
    try:
        return files.read_json(path) if path.stat().st_uid == os.getuid() else None
    except (OSError, ValueError):
        return None


def ended(launch: dict[str, Any]) -> bool | None:
    """Whether a main process has ended; None when that cannot be found out from here."""
    if launch["job"]:
        running = slurm.has_started(launch["job"])
        return None if running is None else not running
    if launch["machine"] != machine():
        return None
    return bool(started(launch["pid"]) != launch["started"])


def machine() -> str:
    """This machine, and the namespace whose process ids are seen here: the same number elsewhere is somebody else."""
    return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"


def started(pid: int) -> str | None:
    """When a process of this machine started, so that a number that is used again is not taken for it; None: gone."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if after_name[0] == "Z":  # dead, and only not yet buried by its parent
        return None
    ticks_since_boot = after_name[19]  # field 22 of proc(5); the first two are cut off
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {ticks_since_boot}"
