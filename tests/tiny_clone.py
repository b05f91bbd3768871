"""A clone of the project with a study so small that every stage takes a moment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from flowgolf.study.merge import merge
from repository import ROOT

TINY = {
    "name": "tiny",
    "seeds": [1, 2],
    "data": {"max_document_bytes": 1500},
    "base": {
        "model": {"seq_len": 32, "layers": 3, "dim": 32, "heads": 2, "kv_heads": 1, "xsa_layers": 3,
                  "bigram": {"buckets": 64, "dim": 16}},
        "train": {"steps": 6, "batch_tokens": 256, "micro_batches": 2, "warmdown_steps": 2, "val_every": 3,
                  "checkpoint_every": 2},
        "export": {"cap_bytes": 260000, "passthrough_max_elements": 256},
        "evaluate": {"sliding": {"seq_len": 32, "stride": 32},
                     "legal_ttt": {"seq_len": 32, "stride": 32, "chunk_tokens": 2048, "epochs": 1}},
    },
    "environment": {"TORCH_SHOW_CPP_STACKTRACES": "0"},
    "submission": {"author": "A. Tester", "github_id": "tester"},
    "variants": {"base": {}, "nfm": {"model": {"flow_matcher": {"hidden_dim": 8, "loss_weight": 0.1}}}},
}  # fmt: skip
SWEEPS = {
    "loss_weight": {"of": "nfm", "key": "model.flow_matcher.loss_weight", "values": [0.1, 0.2], "seeds": [1]},
}


class Clone:
    """A copy of the tracked files, and Snakemake in it."""

    def __init__(self, folder: Path) -> None:
        """Copy what a clone would hold."""
        self.folder = folder
        self.extra_environment: dict[str, str] = {}
        self.configfile = "study.yaml"
        tracked = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        for name in tracked:
            if not name.startswith("tests/") and (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
        quick = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        self.config = {**merge(quick, TINY), "sweeps": SWEEPS}
        self.write_config(self.config)

    @property
    def results(self) -> Path:
        """Folder of the study's results."""
        return self.folder / "results" / "tiny"

    def write_config(self, config) -> None:
        """Replace the study."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        """The Snakemake command line for the study."""
        return [sys.executable, "-m", "snakemake", *arguments, "--configfile", self.configfile]

    def environment(self) -> dict[str, str]:
        """Environment in which the clone's own library is imported."""
        environment = {**os.environ, **self.extra_environment, "PYTHONPATH": str(self.folder / "workflow")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        return environment

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake on the study."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment(),
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    def why(self, variant: str, stage: str) -> subprocess.CompletedProcess:
        """Ask why a stage of a variant would run again."""
        command = [sys.executable, "-m", "flowgolf.why", variant, stage, "--configfile", self.configfile]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )

    def planned(self, *targets: str) -> dict[str, int]:
        """Jobs by rule that a run would do now; the final target itself is left out."""
        dry = self.snakemake("-n", *targets)
        assert dry.returncode == 0, dry.stderr
        text = dry.stdout + dry.stderr
        table = text.partition("Job stats:")[2].partition("\n\n")[0]
        counts = {rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}
        return {rule: count for rule, count in counts.items() if rule not in ("total", "all")}
