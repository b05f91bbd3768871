"""One writer for one output: a lock file that names its holder, across the nodes of a cluster."""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowgolf.running.slurm import has_started

LOOK_SECONDS = 5.0  # between two looks at a lock that somebody else holds


@contextmanager
def locked(path: Path, label: str, key: str) -> Iterator[str | None]:
    """Hold the lock file `path`; yields who had to be waited for if it did the same work `key`, or None.

    The file is JSON: SLURM job id (or null), host, process id and key. A holder that is gone is passed over with a line
    on stderr. Raises ValueError for a holder on another machine about which nothing can be found out.
    """
    holder = {"job": os.environ.get("SLURM_JOB_ID"), "host": socket.gethostname(), "pid": os.getpid(), "key": key}
    text = json.dumps(holder)
    path.parent.mkdir(parents=True, exist_ok=True)
    waited_for: dict[str, Any] | None = None
    while not created(path, text):
        other = content(path)
        if other is None:
            continue
        found = json.loads(other)
        if not alive(found, path):
            print(f"{label}: {name(found)} is gone, its lock {path} is taken over", file=sys.stderr)
            remove(path, other)
        else:
            if waited_for != found:
                print(f"{label}: waiting for {name(found)}, which makes the same output ({path})", file=sys.stderr)
            waited_for = found
            time.sleep(LOOK_SECONDS)
    try:
        yield name(waited_for) if waited_for and waited_for["key"] == key else None
    finally:
        remove(path, text)


def name(holder: dict[str, Any]) -> str:
    """A holder as a user would look for it."""
    return f"SLURM job {holder['job']}" if holder["job"] else f"process {holder['pid']} on {holder['host']}"


def created(path: Path, text: str) -> bool:
    """Create the lock with its content in one step; False if it exists."""
    own = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    own.write_text(text)
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    finally:
        own.unlink()
    return True


def content(path: Path) -> str | None:
    """Text of the lock, or None when it was released meanwhile."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def remove(path: Path, text: str) -> None:
    """Remove the lock if it still says `text`: somebody else's new lock stays."""
    if content(path) == text:
        path.unlink(missing_ok=True)


def alive(holder: dict[str, Any], path: Path) -> bool:
    """Whether a holder still runs: SLURM knows, or the list of processes where it ran on this machine."""
    if holder["job"]:
        if holder["job"] == os.environ.get("SLURM_JOB_ID"):
            return holder["pid"] != os.getpid() and holder["host"] == socket.gethostname() and runs(holder["pid"])
        known = has_started(holder["job"])
        if known is not None:
            return known
    if holder["host"] == socket.gethostname():
        return runs(holder["pid"])
    raise ValueError(
        f"{path}: held by {name(holder)}, which cannot be asked from {socket.gethostname()}; "
        "if it no longer runs, remove that file"
    )


def runs(pid: int) -> bool:
    """Whether a process exists on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
