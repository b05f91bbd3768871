"""Which GPUs of a machine a job has: without a cluster each job takes its own, and gives them back when it ends."""

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

WAIT_SECONDS = 1.0
VISIBLE = "CUDA_VISIBLE_DEVICES"


def machine_gpus() -> list[str]:
    """The GPUs that may be used here: those that CUDA_VISIBLE_DEVICES names, or all that the driver shows."""
    if VISIBLE in os.environ:
        return [name for name in os.environ[VISIBLE].split(",") if name]
    return driver_gpus()


def driver_gpus() -> list[str]:
    """The GPUs that the driver shows; none where there is no driver."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [str(index) for index, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


def gpu_bytes() -> int | None:
    """Memory of this machine's smallest GPU; None where the driver shows none."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return None
    return min((int(megabytes) for megabytes in listed), default=0) * 2**20 or None


def leases_folder() -> Path:
    """Where this account's jobs on this machine say which GPU they have."""
    return Path(tempfile.gettempdir()) / f"flowgolf-{os.getuid()}" / "gpus"


@contextmanager
def leased(count: int) -> Iterator[list[str]]:
    """So many GPUs that no other job of this account has, made the only ones that this process sees.

    Waits until as many are free. Nothing is changed without GPUs, in a SLURM job (which has its own), and for
    count 0. ValueError when the machine has fewer. Before torch looks for GPUs.
    """
    gpus = machine_gpus()
    if not (count and gpus) or "SLURM_JOB_ID" in os.environ:
        yield []
        return
    if count > len(gpus):
        raise ValueError(f"{count} GPUs are asked for, this machine has {len(gpus)}")
    held = wait_for(gpus, count)
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = ",".join(held)
    try:
        yield list(held)
    finally:
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before
        for file in held.values():
            file.close()


def wait_for(gpus: list[str], count: int) -> dict[str, IO[str]]:
    """Locked files of `count` GPUs by name; a lock ends with its process, however that ends."""
    while True:
        held = free(gpus, count)
        if len(held) == count:
            return held
        for file in held.values():  # two jobs that each hold half would wait for ever
            file.close()
        time.sleep(WAIT_SECONDS)


def free(gpus: list[str], count: int) -> dict[str, IO[str]]:
    """Locked files of the first free GPUs, `count` at most."""
    folder, held = leases_folder(), dict[str, IO[str]]()
    folder.mkdir(parents=True, exist_ok=True)
    for name in gpus:
        if len(held) == count:
            break
        file = (folder / f"{name.replace('/', '_')}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
        else:
            held[name] = file
    return held
