"""A node goes down, the main process dies, a job is cancelled, another runs out of time: one after the other."""

import json
import subprocess

from cluster.cluster_clone import ClusterClone, study_to_disturb
from cluster.private_slurm import wait_for

SETTINGS_OF_THE_SHELL = {"OMP_NUM_THREADS": "7", "TORCH_LOGS": "+inductor"}


class FaultStory:
    """Happens on construction; what the tests look at stays in the attributes."""

    def __init__(self, clone: ClusterClone) -> None:
        """`clone` has finished its study, and gets one with more runs."""
        self.clone, self.slurm = clone, clone.slurm
        self.jobs_before = len(clone.jobs())
        clone.write_config(study_to_disturb(clone.config))
        running = clone.start("killed", *clone.trained("moved", "orphan"), **SETTINGS_OF_THE_SHELL)
        wait_for(lambda: clone.state("moved") and clone.state("orphan"), 120)
        self.environment = self.environment_of("orphan")
        self.lose_a_node()
        wait_for((clone.run_folder("moved") / "train/run.json").exists, 120)
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
        self.node = self.clone.job("train", "moved").node
        self.slurm.run("scontrol", "update", f"NodeName={self.node}", "State=DOWN", "Reason=test")
        wait_for(lambda: self.clone.job("train", "moved").state == "PENDING", 60)
        target = ["snakemake", "--nolock", "--quiet", "rules", "progress", "host", "reason", "--", "status"]
        shown = subprocess.run(
            self.clone.inside(*target), env=self.clone.environment(),
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        self.status_meanwhile = shown.stdout
        self.slurm.run("scontrol", "update", f"NodeName={self.node}", "State=RESUME")

    def restart(self) -> None:
        """What a user does after the main process was killed; then two of the new jobs meet their fate."""
        clone = self.clone
        left = ["--hold", "--comment=rule_train_wildcards_left_1", f"--chdir={clone.folder}", "--output=/dev/null"]
        self.slurm.run("sbatch", *left, "--wrap=true")
        unlocked = clone.snakemake("--unlock")
        assert unlocked.returncode == 0, unlocked.stderr
        swept = clone.run_folder("nfm-loss_weight=0.2").relative_to(clone.folder)
        evaluated = [str(swept / f"{stage}/{stage}.json") for stage in ("sliding", "legal_ttt")]
        trained = clone.trained("moved", "orphan", "cancelled", "late", "broken")
        running = clone.start("restarted", *trained, *evaluated, "--restart-times", "1")
        wait_for(lambda: clone.state("cancelled") and clone.state("late"), 120)
        self.slurm.run("scancel", str(clone.job("train", "cancelled").identifier))
        self.slurm.run("scontrol", "update", f"JobId={clone.job('train', 'late').identifier}", "TimeLimit=1")
        self.said = running.wait(seconds=300)
        self.jobs = clone.jobs()[self.jobs_before :]
