"""The facts of the process that makes a record: commit, versions, host, cluster job, time."""

import platform
import socket
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flowgolf.provenance import WORKFLOW
from flowgolf.running.environment import library_variables
from flowgolf.running.slurm import cluster_job

CAN_CHANGE_A_VALUE = ("Snakefile", "rules", "workflow", "resources", "pyproject.toml", "constraints.txt")
LIBRARIES = ("torch", "numpy", "sentencepiece", "zstandard", "snakemake")


def commit() -> str:
    """Commit of the checkout, `-dirty` when what can change a value differs from it; `unknown` outside a repository.

    Files that git does not know count too. Configuration does not: a study is meant to be edited, and every record
    holds its settings; nor do profiles, which a site has to edit, nor documentation and tests.
    """
    try:
        name = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--", *(f":(top){name}" for name in CAN_CHANGE_A_VALUE))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}-dirty" if changed else name


def git(*arguments: str) -> str:
    """What git prints of this checkout."""
    command = ["git", "-C", str(WORKFLOW), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def run_record() -> dict[str, Any]:
    """Commit, versions, host, cluster job and time of this process, for the record of what it makes."""
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "environment": library_variables(),
        "host": socket.gethostname(),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **cluster_job(),
    }
