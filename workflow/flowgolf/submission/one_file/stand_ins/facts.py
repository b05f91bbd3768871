"""Stand-in for `flowgolf.running.facts` inside the generated train_gpt.py, which is outside any repository."""

import platform
import socket
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flowgolf.running.slurm import cluster_job

LIBRARIES = ("torch", "numpy", "sentencepiece", "zstandard")


def run_record() -> dict[str, Any]:
    """Versions, host, cluster job and time of this process, for the record of what it makes."""
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "host": socket.gethostname(),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **cluster_job(),
    }
