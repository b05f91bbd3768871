"""`snakemake status` beside a locked workflow, and `snakemake estimate` before a launch."""

import re
from copy import deepcopy

import pytest

pytestmark = pytest.mark.xdist_group("workflow")
QUIET = ("--quiet", "rules", "progress", "host", "reason")


@pytest.fixture
def locked(clone):
    """The clone with the lock that a running Snakemake holds: on every file that it is going to write."""
    locks = clone.folder / ".snakemake" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = locks / "0.output.lock"
    outputs = [path.relative_to(clone.folder) for path in clone.results.rglob("*") if path.is_file()]
    lock.write_text("".join(f"{path}\n" for path in outputs))
    yield clone
    lock.unlink(missing_ok=True)


def test_status_and_estimate_do_not_wait_for_the_lock_of_a_running_workflow(locked):
    def refused():
        second = locked.snakemake("--forcerun", "manifest")
        return second.returncode == 1 and "snakemake --unlock" in second.stdout + second.stderr

    assert refused()
    shown = locked.snakemake("status", *QUIET)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("## tiny: 5 runs, 5 done\n")
    assert "| nfm-loss_weight=0.2 " in shown.stdout and "## Seeds" in shown.stdout
    estimated = locked.snakemake("estimate", *QUIET)
    assert estimated.returncode == 0 and estimated.stdout.startswith("## tiny: jobs"), estimated.stderr
    assert refused()  # the lock of the running workflow is still there


def test_estimate_counts_what_is_new_and_what_is_cached(clone):
    nothing = clone.snakemake("estimate", *QUIET)
    assert nothing.returncode == 0, nothing.stderr
    assert "no training and no evaluation is left to do" in nothing.stdout
    assert re.search(r"^\| total +\| +0 \|", nothing.stdout, re.MULTILINE), nothing.stdout
    config = deepcopy(clone.config)
    config["seeds"].append(3)
    clone.write_config(config)
    text = clone.snakemake("estimate", *QUIET).stdout
    rows = [line.replace("|", " ").split() for line in text.splitlines() if line.startswith("|")]
    counts = {row[0]: [int(cell) for cell in row[1:]] for row in rows if row[0] in ("train", "sliding", "tokens")}
    assert counts == {"train": [2, 5], "sliding": [2, 5], "tokens": [0, 1]}
    devices = [row for row in rows if row[0] in ("CPU,", "NVIDIA")]
    assert len(devices) == 3 and devices[0][:4] == ["CPU,", "1", "thread", "measured:"]
