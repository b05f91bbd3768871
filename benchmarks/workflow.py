"""What Snakemake itself costs: parsing a study, its status, planning all of it, finding that nothing is left to do.

    python benchmarks/workflow.py --runs 10,100,1000
    python benchmarks/workflow.py --runs 1000 --of variants

Every run is a training, an export and two evaluations: so many seeds of one variant, or so many variants. The finished
study has made-up outputs and no real ones; its files are marked as made through `snakemake --touch`. Prints seconds by
the clock, CPU seconds and peak memory. Meant to hold on one idle core: 1,000 runs planned in 6 s, with their status in
3 s, and 10,000 runs planned in 60 s and 1.5 GB, whether they are new or done.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from flowgolf.data.record import PARTS
from flowgolf.study.study import Study

ROOT = Path(__file__).resolve().parents[1]
NAME = "many"


def write_study(folder: Path, num_runs: int, of: str = "seeds") -> None:
    """The quick study with `num_runs` seeds of one variant, or variants of one seed, and the workflow beside it."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    many = {"base": {}, **{f"v{index}": {"train": {"steps": 200 + index}} for index in range(1, num_runs)}}
    runs = (
        {"variants": many, "seeds": [0]}
        if of == "variants"
        else {"variants": {"base": {}}, "seeds": list(range(num_runs))}
    )
    config |= {"name": NAME, "sweeps": {}, "report": {}, **runs}
    assert len(Study(config).runs) == num_runs
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    for name in ("Snakefile", "rules", "workflow", "resources", "profiles"):
        (folder / name).symlink_to(ROOT / name)


def snakemake(folder: Path, *arguments: str) -> tuple[float, float, float, str]:
    """Seconds, CPU seconds and peak megabytes of one call, and what it printed."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "study.yaml"]
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
        output.write_text(json.dumps({part: {"shards": []} for part in PARTS}))  # data.json is looked into
    snakemake(folder, "--touch", "--cores", "1")


def measure(num_runs: int, of: str) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        write_study(folder, num_runs, of)
        *parse, _ = snakemake(folder, "--list-rules")
        report("parse", num_runs, *parse, jobs="")
        *status, _ = snakemake(folder, "status", "--nolock")
        report("status", num_runs, *status, jobs="")
        *dry, text = snakemake(folder, "-n")
        report("dry run", num_runs, *dry, jobs=f"{planned(text)}, {len(text) / 1e6:.1f} MB printed")
        pretend_finished(folder)
        *nothing, text = snakemake(folder, "-n")
        report("nothing to do", num_runs, *nothing, jobs=planned(text))
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="10,100,1000", help="numbers of runs, separated by commas")
    parser.add_argument("--of", choices=["seeds", "variants"], default="seeds", help="what there are so many of")
    chosen = parser.parse_args()
    for num_runs in chosen.runs.split(","):
        measure(int(num_runs), chosen.of)


if __name__ == "__main__":
    main()
