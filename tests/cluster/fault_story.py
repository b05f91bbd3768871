"""A node goes down, the main process dies, a job is cancelled, another runs out of time: one after the other."""

import json
import subprocess

import yaml

from cluster.cluster_clone import ClusterClone, Running, study_to_disturb
from cluster.crowd_story import CrowdStory
from cluster.private_slurm import SlurmJob, wait_for

SETTINGS_OF_THE_SHELL = {"OMP_NUM_THREADS": "7", "TORCH_LOGS": "+inductor"}


class FaultStory:
    """Happens on construction; what the tests look at stays in the attributes."""

    def __init__(self, clone: ClusterClone, crowd: CrowdStory) -> None:
        """`clone` has finished its study, and gets one with more runs; `crowd` happens while they run."""
        self.crowd = crowd
        self.clone, self.slurm = clone, clone.slurm
        self.jobs_before, self.tokenizers = len(clone.jobs()), len(clone.jobs("rule_tokenizer"))
        clone.write_config(study_to_disturb(clone.config))
        running = clone.start("killed", *clone.trained("moved", "orphan"), **SETTINGS_OF_THE_SHELL)
        wait_for(lambda: clone.state("moved") and clone.state("orphan"), 180)
        self.environment = self.environment_of("orphan")
        self.name = self.name_of(clone.job("train", "orphan"))
        self.lose_a_node()
        wait_for((clone.run_folder("moved") / "train/run.json").exists, 180)
        running.kill()
        self.orphan_ran_on = clone.job("train", "orphan").state == "RUNNING"
        self.restart()

    def environment_of(self, variant: str) -> dict[str, str]:
        """The environment of the training's own process, which its lock names."""
        lock = next(self.clone.results.glob(f"failed/train/{variant}/*.lock"))
        listing = self.slurm.run("cat", f"/proc/{json.loads(lock.read_text())['pid']}/environ")
        return dict(line.split("=", 1) for line in listing.split("\0") if line)

    def lose_a_node(self) -> None:
        """Take down the node of `moved`, and bring it back once the job waits again."""
        self.hold("train_wildcards_left_1", self.name)
        self.beside = self.start_another_study()
        self.node = self.clone.job("train", "moved").node
        self.slurm.run("scontrol", "update", f"NodeName={self.node}", "State=DOWN", "Reason=test")
        wait_for(lambda: self.clone.job("train", "moved").state == "PENDING", 60)
        moved = str(self.clone.job("train", "moved").identifier)
        self.slurm.run("scontrol", "hold", moved)  # it would soon run elsewhere, on a slow machine before the status
        target = ["--nolock", "--quiet", "rules", "progress", "host", "reason", "--", "status"]
        shown = subprocess.run(
            self.clone.command(*target), env=self.clone.environment(),
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        self.status_meanwhile = shown.stdout
        wait_for(lambda: self.clone.jobs("rule_tokenizer")[self.tokenizers :], 60)
        self.waited_beside_others = self.clone.job("train", "left").state == "PENDING"
        self.slurm.run("scontrol", "update", f"NodeName={self.node}", "State=RESUME")
        self.slurm.run("scontrol", "release", moved)
        self.clone.release("moved")

    def start_another_study(self) -> Running:
        """A second Snakemake of this folder, which submits a job of its own."""
        config = {**study_to_disturb(self.clone.config), "name": "other"}
        (self.clone.folder / "other.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        return self.clone.start("other", "results/other/data/tokenizer.model", "--configfile", "other.yaml")

    def name_of(self, job: SlurmJob) -> str:
        """The name that a job has in the queue."""
        return self.slurm.run("squeue", "--noheader", "--states=all", f"--jobs={job.identifier}", "--format=%j")

    def hold(self, comment: str, name: str) -> None:
        """Submit a job that waits for ever, as if this folder's Snakemake of that name had."""
        line = ["--hold", f"--comment=rule_{comment}", f"--job-name={name}", f"--chdir={self.clone.folder}"]
        self.slurm.run("sbatch", *line, "--output=/dev/null", "--wrap=true")

    def restart(self) -> None:
        """What a user does after the main process was killed; then two of the new jobs meet their fate."""
        clone = self.clone
        self.hold("train_wildcards_foreign_1", "tiny_of-somebody-else")
        unlocked = clone.snakemake("--unlock")
        assert unlocked.returncode == 0, unlocked.stderr
        swept = clone.run_folder("nfm-loss_weight=0.2").relative_to(clone.folder)
        evaluated = [str(swept / f"{stage}/{stage}.json") for stage in ("sliding", "legal_ttt")]
        trained = clone.trained("moved", "orphan", "cancelled", "late", "hungry", "broken")
        self.crowd.begin()  # before other jobs can take the one node that its training may have
        running = clone.start("restarted", *trained, *evaluated, "--restart-times", "1")
        wait_for(lambda: clone.state("cancelled") and clone.state("late"), 180)
        self.slurm.run("scontrol", "update", f"JobId={clone.job('train', 'late').identifier}", "TimeLimit=1")
        self.slurm.run("scancel", str(clone.job("train", "cancelled").identifier))
        clone.release("cancelled")
        wait_for(lambda: "waiting for SLURM job" in clone.log("orphan"), 180)
        clone.release("orphan")
        self.crowd.preempt()
        self.crowd.interrupt()
        wait_for(lambda: len(clone.jobs("rule_train_wildcards_late_1")) == 2, 180)
        clone.release("late")
        self.crowd.edit()
        self.said = running.wait(seconds=300)
        self.said_beside = self.beside.wait(seconds=120)
        self.jobs = clone.jobs()[self.jobs_before :]
        self.slurm.run("scancel", str(clone.job("train", "foreign").identifier))
