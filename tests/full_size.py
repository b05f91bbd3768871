"""A study at full size on a CPU: every stage once, as far as it goes without GPU hours (`make full-size`).

    python tests/full_size.py [config/parameter_golf.yaml | config/record.yaml]

What is smaller than in the study's file is named in tests/full_size_passes.py. The training is killed with SIGKILL
after its first step and resumed; a recurrence switches to looping there. The submission folder's train_gpt.py scores
the artifact again, in an empty folder, under an interpreter that has torch, numpy, sentencepiece and zstandard alone
(and brotli where that is the artifact's codec). Prints what each stage left, its time and its peak memory.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from flowgolf.model.order import block_order
from flowgolf.model.settings import ModelSettings
from flowgolf.resume import SEAL_BYTES, decoded
from four_packages import four_package_interpreter, run_alone
from full_size_passes import PASSES, PUBLISHED, Pass
from repository import ROOT

KILLED_AFTER_STEP = 1
WAIT_SECONDS = 900


@dataclass(frozen=True)
class Walk:
    """A pass on its way through the stages."""

    of: Pass
    study: Path
    """The study as it is run."""

    def start(self, *targets: Path) -> subprocess.Popen[bytes]:
        """Snakemake on its way to some files, in a process group of its own."""
        names = [str(target.relative_to(ROOT)) for target in targets]
        command = [sys.executable, "-m", "snakemake", "--quiet", "rules", "progress", "host", "reason"]
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.Popen(
            [*command, "--configfile", str(self.study), "--", *names], cwd=ROOT, env=environment, start_new_session=True
        )

    def make(self, what: str, *targets: Path) -> None:
        """Have Snakemake make some files; print how long it took and the memory of its largest process."""
        started = time.perf_counter()
        _, status, usage = os.wait4(self.start(*targets).pid, 0)
        if status:
            sys.exit(f"{what}: failed, see above")
        print(f"== {what}: {time.perf_counter() - started:.0f} s, peak {usage.ru_maxrss / 1e6:.1f} GB", flush=True)

    def kill_after_first_step(self) -> None:
        """Start the training and end it with SIGKILL as soon as it has saved a state."""
        process = self.start(self.of.run / "train" / "run.json")
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.states():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the training ended before it could be killed")
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        print("== killed with SIGKILL after a saved step", flush=True)
        unlock = [sys.executable, "-m", "snakemake", "--unlock", "--quiet", "all", "--configfile", str(self.study)]
        subprocess.run(unlock, cwd=ROOT, check=True)

    def states(self) -> list[Path]:
        """The saved state of the training, while there is one."""
        return list(self.of.folder.glob(f"state/train/{self.of.arm}/*/state.pt"))

    def skip_weights(self) -> torch.Tensor:
        """Those of the saved state (skips, channels)."""
        state = decoded(self.states()[0].read_bytes()[SEAL_BYTES:])["state"]
        return state["model"]["skip_weights"].clone()

    def record(self, name: str) -> dict[str, Any]:
        """A record of the run."""
        return json.loads((self.of.run / name).read_text())

    def show_training(self) -> None:
        """Check and print what the training left."""
        run = self.record("train/run.json")
        starts = [session["from_step"] for session in run["sessions"]]
        assert run["parameters"] == self.of.parameters, run["parameters"]
        assert starts == [0, KILLED_AFTER_STEP], starts
        print(
            f"   {run['parameters']:,} parameters, {run['steps']} steps (resumed from step {starts[-1]}), "
            f"{run['seconds_per_step']:.1f} s a step, peak {run['peak_memory_bytes'] / 1e9:.1f} GB, "
            f"{run['model_flops_utilisation']:.0%} of the matrix-product rate, bpb {run['ema_roundtrip_bpb']:.4f}"
        )

    def show_order(self, after_first_step: torch.Tensor) -> None:
        """Check and print the order of the blocks, and that the training looped from its second step on.

        The skips that the looped order alone has are all alike until it loops, whatever decay they were given.
        """
        settings = ModelSettings.model_validate(self.record("train/run.json")["model"])
        looped, plain = (block_order(settings.layers, settings.recurrence, looping) for looping in (True, False))
        halves = tuple(" ".join(map(str, half)) for half in looped)
        assert halves == self.of.order, halves
        own = slice(plain.skips, looped.skips)
        last = load_file(self.of.run / "train" / "model.safetensors")["skip_weights"]
        assert len(after_first_step[own].unique()) == 1 < len(after_first_step[: plain.skips].unique())
        assert len(last[own].unique()) > 1
        print(f"   blocks {' | '.join(halves)}, {looped.skips} skips; not looping in step 1, looping in step 2")

    def show_export(self) -> None:
        """Check and print what the export left."""
        export = self.record("export/export.json")
        assert export["bytes_total"] == export["bytes_weights"] + export["bytes_code"] <= self.of.cap_bytes
        assert (self.of.run / "export" / "artifact.bin").stat().st_size == export["bytes_weights"]
        print(
            f"   {export['bytes_weights']:,} bytes of weights + {export['bytes_code']:,} of code = "
            f"{export['bytes_total']:,}; {len(export['attempts'])} attempts; "
            f"int5 in {export['int5_layers'] or 'no block'}"
        )
        if calibration := export.get("calibration"):
            print(
                f"   Hessians of {len(calibration['tensors'])} tensors over {calibration['tokens']:,} tokens of "
                f"training data in {calibration['seconds']:.0f} s; output error {export['output_error']:.2e}"
            )

    def show_evaluation(self, name: str) -> None:
        """Check and print what an evaluation left."""
        result, checks = self.record(f"{name}/{name}.json"), self.record(f"{name}/checks.json")
        assert result["tokens"] >= self.of.positions and not result["partial"], result["tokens"]
        passed = [check["rule"] for check in checks["checks"]]
        print(
            f"   {result['tokens']:,} positions in {result['seconds']:.0f} s: bpb {result['bpb']:.6f}; "
            f"rules passed: {', '.join(map(str, passed))}"
        )

    def run_submission(self) -> None:
        """Score the artifact with the folder's train_gpt.py, alone in an empty folder: the same figures."""
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            python = four_package_interpreter(Path(folder, "venv"), *self.of.packages)
            empty = Path(folder, "empty")
            empty.mkdir()
            for name in ("train_gpt.py", "artifact.bin"):
                shutil.copy(self.of.submission / name, empty)
            data = str(self.of.folder / "data")
            done = run_alone(python, empty, "train_gpt.py", "evaluate", "--data", data, seconds=WAIT_SECONDS)
        if done.returncode:
            sys.exit(done.stderr)
        for line in map(json.loads, done.stdout.splitlines()):
            name = line["evaluation"]
            roundtrip = name == "roundtrip"
            ours = self.record("sliding/sliding.json")["roundtrip"] if roundtrip else self.record(f"{name}/{name}.json")
            assert line["bpb"] == ours["bpb"], (name, line["bpb"], ours["bpb"])
            print(f"   {name}: bpb {line['bpb']:.6f}, as the pipeline's")
        size = (self.of.submission / "train_gpt.py").stat().st_size
        print(f"== train_gpt.py alone ({size:,} bytes): {time.perf_counter() - started:.0f} s", flush=True)


def begin(chosen: Pass) -> Walk:
    """Write the study of a pass into an empty folder."""
    shutil.rmtree(chosen.folder, ignore_errors=True)
    chosen.folder.mkdir(parents=True)
    path = chosen.folder / "study.yaml"
    path.write_text(yaml.safe_dump(chosen.study(), sort_keys=False))
    return Walk(chosen, path)


def main() -> None:
    """Everything, from an empty folder."""
    name = Path(sys.argv[1]).name if len(sys.argv) > 1 else PUBLISHED.config.name
    if name not in PASSES:
        sys.exit(f"{name}: there is a full-size pass of {' and '.join(PASSES)} alone")
    started, walk = time.perf_counter(), begin(PASSES[name])
    run = walk.of.run
    walk.kill_after_first_step()
    skips = walk.skip_weights()
    walk.make("training", run / "train" / "run.json")
    walk.show_training()
    if walk.of.order:
        walk.show_order(skips)
    walk.make("export", run / "export" / "export.json")
    walk.show_export()
    for stage in ("sliding", "legal_ttt"):
        walk.make(stage, run / stage / f"{stage}.json")
        walk.show_evaluation(stage)
    walk.make("submission", walk.of.submission / "submission.json")
    walk.run_submission()
    print(f"full size: {time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
