"""A clone of the project on the private SLURM, with the tiny study as its default one."""

import re
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from cluster.private_slurm import PrivateSlurm, SlurmJob, child_of
from flowgolf.files import read_json
from tiny_clone import Clone

LONG_STEPS = 50
HELD_STEP_SECONDS = 2.0
BASE_MB = 1500
HUNGRY_BYTES = 1_200_000_000  # with all else more than the first attempt's memory, and less than the second's
CROWD = {"preempted": 150, "interrupted": 155, "beside": 12, "edited": 9}
LONG = {"moved": 160, "cancelled": 165, "late": 170, "orphan": 250}  # steps of the trainings that faults meet
ASK_OFTEN = """

from asyncio import sleep
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.sleep = lambda self: sleep(2)
"""


class ClusterClone(Clone):
    """Runs `snakemake --profile slurm` as a user types it, inside the private SLURM.

    Trainings of more than `LONG_STEPS` steps sleep `HELD_STEP_SECONDS` before each until `release` lets them go: faults
    meet them on any machine, and the weights stay the same. Memory is small, so that one training can need more than it
    asked for.
    """

    def __init__(self, folder: Path, slurm: PrivateSlurm, store: Path) -> None:
        """The profile is edited as a site would: where finished results are kept. SLURM is asked every two seconds."""
        super().__init__(folder)
        self.slurm = slurm
        self.replace("profiles/slurm/config.yaml", "cache=results/cache", f"cache={store}")
        with (folder / "Snakefile").open("a") as snakefile:
            snakefile.write(ASK_OFTEN)
        held = f"settings.steps > {LONG_STEPS} and not __import__('os').path.exists('released ' + trainer.label)"
        nap = f"__import__('time').sleep({HELD_STEP_SECONDS} if {held} else 0)"
        eat = f"(lambda held: __import__('time').sleep(4))(b'x' * {HUNGRY_BYTES})"
        meal = f"{eat} if 'hungry' in trainer.label and not trainer.step else 0"
        step = "            trainer.rows.append(trainer.take_step())\n"
        self.replace("workflow/flowgolf/train/process.py", step, f"            {nap}\n            {meal}\n{step}")
        self.replace("workflow/flowgolf/study/memory.py", "BASE_MB = 6000", f"BASE_MB = {BASE_MB}")

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit one place of one file."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} no longer says {old!r} once"
        path.write_text(text.replace(old, new))

    def release(self, variant: str) -> None:
        """Let a long training go on at its own speed."""
        (self.folder / f"released train {variant} seed 1").touch()

    def uncomment(self, lines: dict[str, str]) -> str:
        """Take away the `# ` of keys of the profile, with another value if one is given; returns what it was."""
        path = self.folder / "profiles" / "slurm" / "config.yaml"
        before = text = path.read_text()
        for key, value in lines.items():
            ((line, start, usual),) = re.findall(rf"(# ({key}: )(\S+))", text)
            text = text.replace(line, f"{start}{value or usual}")
        path.write_text(text)
        return before

    def write_profile(self, text: str) -> None:
        """Put back what `uncomment` has returned."""
        (self.folder / "profiles" / "slurm" / "config.yaml").write_text(text)

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace the study that is run when no other is named."""
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def inside(self, *command: str) -> list[str]:
        """A command line, inside and in this folder."""
        return [*self.slurm.enter, f"--wdns={self.folder}", *command]

    def command(self, *arguments: str) -> list[str]:
        """The Snakemake command line, as the documentation has it."""
        return self.inside("snakemake", "--profile", "slurm", *arguments)

    def start(self, name: str, *arguments: str, **environment: str) -> "Running":
        """Start Snakemake, its output in a file of this name."""
        output = self.folder.with_name(f"{self.folder.name}-{name}.log")
        with output.open("w") as file:
            process = subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env={**self.environment(), **environment},
                stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return Running(process, output)

    def jobs(self, comment: str = "") -> list[SlurmJob]:
        """Jobs that were submitted from here, the oldest first; of one rule and its wildcards if `comment` is given."""
        return [job for job in self.slurm.jobs() if job.folder == str(self.folder) and comment in ("", job.comment)]

    def run_folder(self, variant: str) -> Path:
        """Where a run's results lie."""
        return self.results / "runs" / variant / "seed1"

    def job(self, rule: str, variant: str) -> SlurmJob:
        """The latest job of a rule for a variant."""
        return self.jobs(f"rule_{rule}_wildcards_{variant}_1")[-1]

    def state(self, variant: str) -> list[Path]:
        """What a training would resume from, if it has saved anything."""
        return list(self.results.glob(f"state/train/{variant}/*/state.pt"))

    def record(self, variant: str, name: str = "train/run.json") -> dict[str, Any]:
        """A record of a run."""
        return read_json(self.run_folder(variant) / name)

    def log(self, variant: str) -> str:
        """The log of a training, its last attempt."""
        return (self.results / "logs/train" / variant / "seed1.log").read_text()

    def slurm_log(self, job: SlurmJob) -> str:
        """What a job that did not end well has written."""
        return next(self.folder.glob(f".snakemake/slurm_logs/*/*/{job.identifier}.log")).read_text()

    def trained(self, *variants: str) -> list[str]:
        """Targets that are these trainings."""
        return [str((self.run_folder(variant) / "train/run.json").relative_to(self.folder)) for variant in variants]


class Running:
    """A Snakemake that runs beside the tests."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        """`output` is the file to which it writes."""
        self.process, self.output = process, output

    def kill(self) -> None:
        """SIGKILL to Snakemake itself, not to nsenter, which has started it."""
        subprocess.run(["kill", "-KILL", str(child_of(self.process.pid))], check=True)
        self.process.wait(timeout=30)

    def interrupt(self, seconds: float) -> str:
        """Ctrl-C for Snakemake itself; everything that it said until it ended."""
        subprocess.run(["kill", "-INT", str(child_of(self.process.pid))], check=True)
        return self.wait(seconds)

    def wait(self, seconds: float) -> str:
        """Everything that it said, once it has ended."""
        self.process.wait(timeout=seconds)
        return self.output.read_text()


def study(config: dict[str, Any]) -> dict[str, Any]:
    """Three variants of the tiny study under one seed, so that every rule of a run takes part.

    One is scored in parts, one trained by two processes.
    """
    config = deepcopy(config)
    config["seeds"] = [1]
    config["variants"]["base"] = {"evaluate": {"sliding": {"shards": 2}}}
    config["variants"]["pair"] = {"train": {"devices": 2, "micro_batches": 4}}
    config["sweeps"]["loss_weight"]["values"] = [0.1]
    return config


def study_to_disturb(config: dict[str, Any]) -> dict[str, Any]:
    """The same with another value in its sweep, four long trainings, a large one, and one that cannot go well."""
    config = study(config)
    config["sweeps"]["loss_weight"]["values"] = [0.1, 0.2]
    for name, steps in LONG.items():
        config["variants"][name] = {"train": {"steps": steps, "val_every": 1000}}
    config["variants"]["hungry"] = {"train": {"steps": 6, "weight_decay": 0.05}}
    config["variants"]["broken"] = {"train": {"embedding_lr": 1.0e30}}
    return config


def study_of_a_crowd(config: dict[str, Any]) -> dict[str, Any]:
    """The study with the trainings that meet their fate beside another study."""
    config = study(config)
    for name, steps in CROWD.items():
        config["variants"][name] = {"train": {"steps": steps, "val_every": 1000}}
    return config
