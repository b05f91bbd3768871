"""Beside another study on one cluster: a job is preempted, one interrupted by Ctrl-C, code edited meanwhile."""

import subprocess

from cluster.cluster_clone import ClusterClone, Running, study_of_a_crowd
from cluster.private_slurm import SlurmJob, wait_for

STATUS = ["--nolock", "--quiet", "rules", "progress", "host", "reason", "--", "status"]


class CrowdStory:
    """Happens step by step, as the other study's story tells it to; what the tests look at stays in the attributes."""

    def __init__(self, clone: ClusterClone) -> None:
        """`clone` has tokens, and gets a study with more runs."""
        self.clone, self.slurm = clone, clone.slurm
        self.jobs_before = len(clone.jobs())
        clone.write_config(study_of_a_crowd(clone.config))

    def begin(self) -> None:
        """Start a training on the one node with a feature, as the commented lines of the profile ask for it."""
        usual = self.clone.uncomment(dict.fromkeys(("constraint", "gpu", "gres", "qos", "slurm-requeue"), ""))
        self.preempted = self.clone.start("preempted", *self.clone.trained("preempted"))
        wait_for(lambda: self.clone.state("preempted"), 180)
        self.clone.write_profile(usual)

    def preempt(self) -> None:
        """A more urgent job takes the node; the status meanwhile."""
        line = ["--partition=urgent", "--gpus=1", "--output=/dev/null", "--parsable", "--wrap=sleep 600"]
        urgent = self.slurm.run("sbatch", *line)
        wait_for(lambda: self.clone.job("train", "preempted").state == "PENDING", 60)
        shown = subprocess.run(
            self.clone.command(*STATUS), env=self.clone.environment(),
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        self.status_meanwhile = shown.stdout
        self.slurm.run("scancel", urgent)
        self.clone.release("preempted")

    def interrupt(self) -> None:
        """Ctrl-C for a second launch of the same clone; then the same again, and another training in the same array."""
        launch = self.clone.start("interrupted", *self.clone.trained("interrupted"), "--nolock")
        wait_for(lambda: self.clone.state("interrupted"), 180)
        self.said_at_ctrl_c = launch.interrupt(60)
        self.clone.release("interrupted")
        trained = self.clone.trained("interrupted", "beside")
        self.said_afterwards = self.ended(
            self.clone.start("again", *trained, "--nolock", "--slurm-array-jobs", "train")
        )

    def edit(self) -> None:
        """Change the code of a training while its job waits, once no other job runs it."""
        self.said_of_preempted = self.ended(self.preempted)
        waiting = ["train:slurm_partition=gpu", "train:slurm_extra='--begin=now+10'"]
        launch = self.clone.start("edited", *self.clone.trained("edited"), "--set-resources", *waiting)
        wait_for(lambda: self.clone.jobs("rule_train_wildcards_edited_1"), 180)
        code = self.clone.folder / "workflow/flowgolf/train/trainer.py"
        usual = code.read_text()
        code.write_text(usual + "\nNEW = 1\n")
        self.waited = self.clone.job("train", "edited").state == "PENDING"
        self.said_of_edited = launch.wait(180)
        code.write_text(usual)
        self.jobs = self.clone.jobs()[self.jobs_before :]

    def ended(self, launch: Running) -> str:
        """What a launch said that has gone well."""
        said = launch.wait(240)
        assert launch.process.returncode == 0, said
        return said

    def trainings(self, variant: str) -> list[SlurmJob]:
        """The jobs of a training, the oldest first."""
        return [job for job in self.jobs if job.comment == f"rule_train_wildcards_{variant}_1"]
