"""A SLURM of its own on one machine: started on loopback, seen by nobody else, gone without a trace."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

ETC = Path(__file__).with_name("etc")
NEEDED = ("slurmctld", "slurmd", "sbatch", "srun", "munged", "nsenter", "unshare")
NODES = ("c1", "g1", "g2", "g3")
START_SECONDS = 30


@dataclass(frozen=True)
class SlurmJob:
    """A line of squeue."""

    identifier: int
    state: str
    reason: str
    node: str
    comment: str
    folder: str


class PrivateSlurm:
    """Daemons and jobs live in namespaces of processes and mounts that end with the process that opened them.

    A job loses SLURM_CONF on its way, so the configuration must lie at /etc/slurm: it is mounted there, inside only.
    """

    def __init__(self, folder: Path) -> None:
        """Everything that SLURM writes goes to `folder`."""
        self.folder = folder
        # `cat` ends with its input, so with the tests however they end; bash buries orphans as an init does
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
        self.outer = subprocess.Popen([*command, "bash", "-c", "cat; true"], stdin=subprocess.PIPE)
        self.enter = ["nsenter", f"--target={child_of(self.outer.pid)}", "--mount", "--pid"]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside; its output without the last line break."""
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    def start(self) -> None:
        """Write the configuration, start the daemons, wait until every node is idle."""
        etc = self.folder / "etc"
        etc.mkdir()
        (self.folder / "state").mkdir()
        ports = dict(zip(["controller_port", *(f"{node}_port" for node in NODES)], free_ports(), strict=True))
        for template in ETC.iterdir():
            text = template.read_text()
            if template.name == "slurm.conf":
                text = Template(text).substitute(folder=self.folder, host=socket.gethostname(), **ports)
            (etc / template.name).write_text(text)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.run("mount", "--bind", str(etc), "/etc/slurm")
        options = ("key-file", "socket", "pid-file", "log-file", "seed-file")
        self.run("munged", "--force", *(f"--{name}={self.folder}/munge.{name.split('-')[0]}" for name in options))
        self.run("slurmctld", "-i")
        for node in NODES:
            self.run("slurmd", "-N", node)
        wait_for(self.all_idle, START_SECONDS)

    def all_idle(self) -> bool:
        """Whether every node has joined."""
        shown = self.run("sinfo", "--noheader", "--Node", "--format=%N %t", check=False)
        return set(shown.splitlines()) == {f"{node} idle" for node in NODES}

    def asked(self, job: SlurmJob) -> dict[str, str]:
        """What a job asked for, as SLURM shows it."""
        shown = self.run("scontrol", "show", "job", "--oneliner", str(job.identifier))
        return dict(re.findall(r"(\S+?)=(\S*)", shown))

    def jobs(self) -> list[SlurmJob]:
        """All jobs so far, the oldest first."""
        lines = self.run("squeue", "--noheader", "--states=all", "--sort=i", "--format=%A|%T|%r|%N|%k|%Z").splitlines()
        return [SlurmJob(int(number), *rest) for number, *rest in (line.split("|") for line in lines)]

    def stop(self) -> None:
        """End everything inside, and wait for it."""
        self.outer.stdin.close()
        self.outer.wait(timeout=60)


def wait_for(found: Callable[[], Any], seconds: float) -> Any:
    """What `found` returns, once that is something."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"{found.__qualname__}: nothing after {seconds} seconds"
        time.sleep(0.1)
    return answer


def child_of(pid: int) -> int:
    """The process that a process has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(wait_for(lambda: children.read_text().split(), START_SECONDS)[0])


def free_ports() -> list[int]:
    """A port for the controller and one for each node."""
    sockets = [socket.socket() for _ in range(1 + len(NODES))]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
