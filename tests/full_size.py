"""The published study at full size on a CPU: every stage once, as far as it goes without GPU hours (`make full-size`).

The model and all settings are those of config/parameter_golf.yaml; what is smaller is named in SMALLER. The training is
killed with SIGKILL after its first step and resumed. The submission folder's train_gpt.py scores the artifact again, in
an empty folder, under an interpreter that has torch, numpy, sentencepiece and zstandard alone. Prints what each stage
left, its time and its peak memory.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from flowgolf.study.merge import merge
from four_packages import four_package_interpreter, run_alone
from repository import ROOT

CONFIG = ROOT / "config" / "parameter_golf.yaml"
FOLDER = ROOT / "results" / "full_size"
PARAMETERS = 27_530_952
CAP_BYTES = 16_000_000
LEAST_POSITIONS = 8192
KILLED_AFTER_STEP = 1
WAIT_SECONDS = 600

SMALLER: dict[str, Any] = {
    "name": FOLDER.name,
    "seeds": [42],
    "variants": {"base": {}, "nfm": {"model": {"flow_matcher": {"hidden_dim": 256, "loss_weight": 0.1}}}},
    "base": {
        "train": {"steps": 2, "batch_tokens": 4096, "micro_batches": 1, "warmdown_steps": 1, "checkpoint_every": 1,
                  "threads": 2},
        "export": {"scale_floor": False},  # with it weights of two steps fit at once; without it the search has work
        "evaluate": {
            "sliding": {"memory_mb": 2048, "threads": 2},
            "legal_ttt": {"memory_mb": 2048, "threads": 2, "chunk_tokens": 4096,
                          "batch_seqs": 1, "epochs": 1, "save_every_chunks": 1},
        },
    },
}  # fmt: skip
TEXT = {"max_document_bytes": 4800, "split": {"k": 40}}  # just over LEAST_POSITIONS of validation
RUN = FOLDER / "runs" / "nfm" / "seed42"
SUBMISSION = FOLDER / "submission" / "nfm"


def write_study() -> Path:
    """The study of config/parameter_golf.yaml on the embedded text, with what SMALLER changes."""
    published = yaml.safe_load(CONFIG.read_text())
    quick = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    study = merge(published, SMALLER)
    study |= {"variants": SMALLER["variants"], "sweeps": {}, "data": merge(quick["data"], TEXT)}
    study["report"] |= {"matched_plan": False, "pairs": []}
    path = FOLDER / "study.yaml"
    FOLDER.mkdir(parents=True)
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    return path


def start(study: Path, *targets: Path) -> subprocess.Popen[bytes]:
    """Snakemake on its way to some files, in a process group of its own."""
    names = [str(target.relative_to(ROOT)) for target in targets]
    command = [sys.executable, "-m", "snakemake", "--quiet", "rules", "progress", "host", "reason"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.Popen(
        [*command, "--configfile", str(study), "--", *names], cwd=ROOT, env=environment, start_new_session=True
    )


def make(what: str, study: Path, *targets: Path) -> None:
    """Have Snakemake make some files; print how long it took and the memory of its largest process."""
    started = time.perf_counter()
    _, status, usage = os.wait4(start(study, *targets).pid, 0)
    if status:
        sys.exit(f"{what}: failed, see above")
    print(f"== {what}: {time.perf_counter() - started:.0f} s, peak {usage.ru_maxrss / 1e6:.1f} GB", flush=True)


def kill_after_first_step(study: Path) -> None:
    """Start the training and end it with SIGKILL as soon as it has saved a state."""
    process = start(study, RUN / "train" / "run.json")
    deadline = time.monotonic() + WAIT_SECONDS
    while not list(FOLDER.glob("state/train/nfm/*/state.pt")):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("the training ended before it could be killed")
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print("== killed with SIGKILL after a saved step", flush=True)
    unlock = [sys.executable, "-m", "snakemake", "--unlock", "--quiet", "all", "--configfile", str(study)]
    subprocess.run(unlock, cwd=ROOT, check=True)


def record(name: str) -> dict[str, Any]:
    """A record of the run."""
    return json.loads((RUN / name).read_text())


def show_training() -> None:
    """Check and print what the training left."""
    run = record("train/run.json")
    starts = [session["from_step"] for session in run["sessions"]]
    assert run["parameters"] == PARAMETERS, run["parameters"]
    assert starts == [0, KILLED_AFTER_STEP], starts
    print(
        f"   {run['parameters']:,} parameters, {run['steps']} steps (resumed from step {starts[-1]}), "
        f"{run['seconds_per_step']:.1f} s a step, peak {run['peak_memory_bytes'] / 1e9:.1f} GB, "
        f"{run['model_flops_utilisation']:.0%} of the matrix-product rate, bpb {run['ema_roundtrip_bpb']:.4f}"
    )


def show_export() -> None:
    """Check and print what the export left."""
    export = record("export/export.json")
    assert export["bytes_total"] == export["bytes_weights"] + export["bytes_code"] <= CAP_BYTES
    assert (RUN / "export" / "artifact.bin").stat().st_size == export["bytes_weights"]
    print(
        f"   {export['bytes_weights']:,} bytes of weights + {export['bytes_code']:,} of code = "
        f"{export['bytes_total']:,}; {len(export['attempts'])} attempts; int5 in {export['int5_layers'] or 'no block'}"
    )


def show_evaluation(name: str) -> None:
    """Check and print what an evaluation left."""
    result, checks = record(f"{name}/{name}.json"), record(f"{name}/checks.json")
    assert result["tokens"] >= LEAST_POSITIONS and not result["partial"], result["tokens"]
    passed = [check["rule"] for check in checks["checks"]]
    print(
        f"   {result['tokens']:,} positions in {result['seconds']:.0f} s: bpb {result['bpb']:.6f}; "
        f"rules passed: {', '.join(map(str, passed))}"
    )


def run_submission() -> None:
    """Score the artifact with the folder's train_gpt.py, alone in an empty folder: the same figures."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        python = four_package_interpreter(Path(folder, "venv"))
        empty = Path(folder, "empty")
        empty.mkdir()
        for name in ("train_gpt.py", "artifact.bin"):
            shutil.copy(SUBMISSION / name, empty)
        done = run_alone(
            python, empty, "train_gpt.py", "evaluate", "--data", str(FOLDER / "data"), seconds=WAIT_SECONDS
        )
    if done.returncode:
        sys.exit(done.stderr)
    for line in map(json.loads, done.stdout.splitlines()):
        name = line["evaluation"]
        ours = record("sliding/sliding.json")["roundtrip"] if name == "roundtrip" else record(f"{name}/{name}.json")
        assert line["bpb"] == ours["bpb"], (name, line["bpb"], ours["bpb"])
        print(f"   {name}: bpb {line['bpb']:.6f}, as the pipeline's")
    print(f"== train_gpt.py alone: {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    """Everything, from an empty folder."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    started = time.perf_counter()
    study = write_study()
    kill_after_first_step(study)
    make("training", study, RUN / "train" / "run.json")
    show_training()
    make("export", study, RUN / "export" / "export.json")
    show_export()
    for name in ("sliding", "legal_ttt"):
        make(name, study, RUN / name / f"{name}.json")
        show_evaluation(name)
    make("submission", study, SUBMISSION / "submission.json")
    run_submission()
    print(f"full size: {time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
