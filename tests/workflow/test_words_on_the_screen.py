"""What a person reads: mistakes before any job, one sentence for a failure, Ctrl-C, a reader that goes."""

import os
import signal
import subprocess
import time
from copy import deepcopy

import pytest
import yaml

from flowgolf.study.study import Study

pytestmark = pytest.mark.xdist_group("workflow")
STARTUP = ("Using workflow specific profile", "Assuming unrestricted shared filesystem")


def told(clone, *arguments):
    """What is printed, Snakemake's start-up lines left out, of a call that is refused."""
    done = clone.snakemake("-n", *arguments)
    assert done.returncode != 0, done.stdout
    lines = (done.stdout + done.stderr).strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith(STARTUP))


def test_mistakes_are_one_sentence(clone):
    (clone.folder / "study.yaml").write_text("name: [\n")
    assert told(clone).startswith("study.yaml: line 2, column 1: not YAML: ")
    (clone.folder / "study.yaml").unlink()
    assert told(clone) == "study.yaml: no such file"
    config = deepcopy(clone.config)
    config["base"]["model"]["vocab_size"] = 512
    clone.write_config(config)
    assert told(clone).endswith(
        "study.yaml: base.model.vocab_size: 512, but the tokenizer has 1024 (data.tokenizer.vocab_size)"
    )
    clone.write_config(clone.config)
    assert told(clone, "tabels").endswith("no target 'tabels'; did you mean tables?")
    assert "study.yaml: base.evaluate.sliding.keep_nats: false" in told(clone, "result_page")


def test_the_whole_study_lies_beside_its_results(clone):
    assert Study(yaml.safe_load((clone.results / "study.yaml").read_text())).settings == Study(clone.config).settings


def test_a_dry_run_of_many_runs_is_short(clone):
    config = deepcopy(clone.config)
    config |= {"name": "many", "seeds": list(range(200)), "sweeps": {}}
    clone.write_config(config)
    dry = clone.snakemake("-n")
    assert dry.returncode == 0, dry.stderr
    printed = dry.stdout + dry.stderr
    assert "train base seed 199" in printed
    assert max(map(len, printed.splitlines())) < 200
    assert len(printed) < 120 * 1600  # 1,600 jobs


def test_a_failed_job_says_its_sentence_once(clone):
    config = deepcopy(clone.config)
    config["variants"]["large"] = {"export": {"cap_bytes": 75_000}}
    clone.write_config(config)
    done = clone.snakemake("results/tiny/runs/large/seed1/export/export.json")
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert printed.count("export large seed 1 failed: ") == 1
    assert "RuleException" not in printed and "set -euo pipefail" not in printed


def test_status_ends_with_its_reader(clone):
    command = " ".join(clone.command("status", "--nolock", "--quiet", "rules", "progress", "host", "reason"))
    done = subprocess.run(
        ["bash", "-c", f"{command} 2>&1 | head -n 8"], cwd=clone.folder, env=clone.environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 8


def test_ctrl_c_saves_and_the_restart_goes_on(clone):
    config = deepcopy(clone.config)
    config["variants"]["long"] = {"train": {"steps": 4000, "checkpoint_every": 4000, "val_every": 4000}}
    clone.write_config(config)
    target = "results/tiny/runs/long/seed1/train/run.json"
    said = interrupted(clone, target, "steps)")
    assert said.count("train long seed 1 failed: stopped by SIGINT after step ") == 1
    assert "Traceback" not in said and "RuleException" not in said
    assert said.rstrip().endswith("stopped; the same command goes on from what is saved")
    shown = clone.snakemake("status", "--nolock")
    assert "train failed: stopped by SIGINT after step " in shown.stdout
    assert "running" not in shown.stdout
    step = said.partition("stopped by SIGINT after step ")[2].partition(";")[0]
    assert f"train long seed 1 goes on from step {step}\n" in interrupted(clone, target, "goes on from step")


def interrupted(clone, target, seen):
    """What a launch says that is interrupted as a terminal does it, once it has said `seen`."""
    path = clone.folder / "said"
    with path.open("w") as file:
        launch = subprocess.Popen(
            clone.command(target), cwd=clone.folder, env=clone.environment(), stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 200
            while seen not in path.read_text() and time.monotonic() < deadline:
                time.sleep(0.2)
        finally:
            os.killpg(launch.pid, signal.SIGINT)
            assert launch.wait(timeout=60) == 1
    return path.read_text()
