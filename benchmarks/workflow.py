"""What Snakemake itself costs: parsing a study, planning all of it, and finding that nothing is left to do.

    python benchmarks/workflow.py --runs 10,100,1000

Every run is a training, an export and two evaluations. The finished study has made-up outputs and no real ones; its
files are marked as made through `snakemake --touch`, which takes half a second a run. Prints seconds by the clock, CPU
seconds and peak memory.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from flowgolf.study.study import Study

ROOT = Path(__file__).resolve().parents[1]
NAME = "many"


def write_study(folder: Path, num_runs: int) -> None:
    """The quick study with `num_runs` seeds of one variant, and the workflow beside it."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config |= {"name": NAME, "seeds": list(range(num_runs)), "sweeps": {}, "variants": {"base": {}}}
    config["report"] |= {"two_by_two": ["base", "base"]}
    assert len(Study(config).runs) == num_runs
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    for name in ("Snakefile", "rules", "workflow", "resources", "profiles"):
        (folder / name).symlink_to(ROOT / name)


def snakemake(folder: Path, *arguments: str) -> tuple[float, float, float, str]:
    """Seconds, CPU seconds and peak megabytes of one call, and what it printed."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--quiet", "host", "--configfile", "study.yaml"]
    started = time.perf_counter()
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    seconds, text = time.perf_counter() - started, (folder / "said").read_text()
    if status:
        sys.exit(text)
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, text


def report(what: str, num_runs: int, seconds: float, cpu: float, megabytes: float, jobs: str) -> None:
    print(f"{num_runs:6,} runs  {what:15}{seconds:7.1f} s  {cpu:7.1f} s CPU  {megabytes:6.0f} MB  {jobs}", flush=True)


def planned(text: str) -> str:
    """Total of the table of jobs."""
    totals = [line.split()[1] for line in text.splitlines() if line.startswith("total ")]
    return f"{int(totals[-1]):,} jobs" if totals else "nothing to do"


def pretend_finished(folder: Path) -> None:
    """Give every output of the study a made-up file."""
    summary = snakemake(folder, "--summary")[3]
    rows = [line.split("\t") for line in summary.splitlines() if line.count("\t") == 5]
    for row in rows[1:]:
        output = folder / row[0]
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("{}")
    snakemake(folder, "--touch", "--cores", "1")


def measure(num_runs: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        write_study(folder, num_runs)
        *parse, _ = snakemake(folder, "--list-rules")
        report("parse", num_runs, *parse, jobs="")
        *dry, text = snakemake(folder, "-n")
        report("dry run", num_runs, *dry, jobs=planned(text))
        pretend_finished(folder)
        *nothing, text = snakemake(folder, "-n")
        report("nothing to do", num_runs, *nothing, jobs=planned(text))
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="10,100,1000", help="numbers of runs, separated by commas")
    for num_runs in parser.parse_args().runs.split(","):
        measure(int(num_runs))


if __name__ == "__main__":
    main()
