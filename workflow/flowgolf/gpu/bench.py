"""The lines of `make gpu`, each a function that tries one thing and gives its figures."""

import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch
from torch._dynamo.utils import counters

from flowgolf.data.dataset import Dataset
from flowgolf.data.tokenizer import tokenizer
from flowgolf.data.tokens import tokens
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.export.artifact import export
from flowgolf.files import read_json
from flowgolf.gpu.scale import VALIDATION_POSITIONS, Scale
from flowgolf.model.checkpoint import save_weights
from flowgolf.scoring.precision import precision
from flowgolf.scoring.slide import slide
from flowgolf.train.loop import train
from flowgolf.train.run import TrainingRun
from flowgolf.train.settings import TrainSettings
from flowgolf.train.speed import flops_per_token, peak_memory_bytes, product_flops_per_second
from flowgolf.train.trainer import Trainer

Figures = dict[str, float]
Result = TypeVar("Result")
SEED = 42
WARM_UP_STEPS = 3
ROWS = 4  # of the batch whose losses are compared between arithmetics
KILLED = "import sys\nfrom flowgolf.train.loop import train\nfrom flowgolf.train.run import TrainingRun\n" + (
    "run = TrainingRun.model_validate_json(sys.stdin.read())\n"
    "train(run.model, run.train, run.variant, run.seed, run.data_json, run.model_path, run.curve_path, run.record_path,"
    " run.state_dir)\n"
)
WAIT_SECONDS = 300.0


class Bench:
    """One machine, one scale, one folder for everything that is left behind."""

    def __init__(self, scale: Scale, folder: Path) -> None:
        """Make the data."""
        self.scale, self.folder = scale, folder
        self.data_json = folder / "data.json"
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer(scale.data, folder / "tokenizer.model")
        tokens(scale.data, folder / "tokenizer.model", self.data_json, folder / "shards", folder / "tokens_state")
        self.data = Dataset.open(self.data_json)

    @cached_property
    def trainer(self) -> Trainer:
        """The model in training."""
        return Trainer(self.scale.model, self.scale.train, "make gpu", SEED, self.data)

    @cached_property
    def artifact(self) -> Path:
        """The exported model, where the line `export` has come so far."""
        return self.folder / "artifact.bin"

    def training_step(self) -> Figures:
        """Seconds, tokens, utilisation, memory, graphs and waits of the training step."""
        counters.clear()
        trainer, steps = self.trainer, self.scale.timed_steps
        trainer.warm_up(WARM_UP_STEPS)
        with synchronisations() as waits:
            trainer.take_step()
        trainer.settle()
        trainer.elapsed_seconds = 0.0
        for _ in range(steps):
            trainer.take_step()
        trainer.settle()
        seconds = trainer.elapsed_seconds / steps
        rate = self.scale.train.batch_tokens / seconds
        dtype = torch.bfloat16 if trainer.on_gpu else torch.float32
        return {
            "step_seconds": seconds,
            "tokens_per_second": rate,
            "model_flops_utilisation": rate
            * flops_per_token(trainer.model)
            / product_flops_per_second(trainer.device, dtype),
            "peak_gigabytes": peak_memory_bytes(trainer.device) / 1e9,
            "graphs": float(counters["stats"]["unique_graphs"]),
            "graph_breaks": float(sum(counters["graph_break"].values())),
            "host_synchronisations": float(len(waits)),
        }

    def arithmetic(self) -> Figures:
        """How far the loss of a few rows is from the same in float32."""
        trainer = self.trainer
        inputs, targets = (part[:ROWS] for part in trainer.micro_batch(0))
        with torch.inference_mode():
            exact = trainer.model.training_loss(inputs, targets, auxiliary=False).total.item()
            with precision(trainer.device):
                rounded = trainer.model.training_loss(inputs, targets, auxiliary=False).total.item()
        return {"float32_loss": exact, "float32_difference": abs(rounded - exact)}

    def kill_and_resume(self) -> Figures:
        """A short training with SIGKILL after a saved step, gone on with, against an undisturbed one."""
        calm, killed = self.run("calm"), self.run("killed")
        train_run(calm)
        process = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(killed.model_dump_json().encode())
        process.stdin.close()
        state, deadline = Path(killed.state_dir, "state.pt"), time.monotonic() + WAIT_SECONDS
        while not state.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait()
        if not state.exists():
            raise ChildProcessError("the training that was to be killed left no state")
        train_run(killed)
        records = [read_json(run.record_path) for run in (calm, killed)]
        first, second = (record["ema_roundtrip_bpb"] for record in records)
        return {"sessions": float(len(records[1]["sessions"])), "resumed_difference": abs(first - second)}

    def run(self, name: str, **changes: object) -> TrainingRun:
        """A short training of its own folder."""
        values = {**self.scale.train.model_dump(), "compile": False, **self.scale.resumed, **changes}
        folder = self.folder / name
        return TrainingRun(
            model=self.scale.model,
            train=TrainSettings.model_validate(values),
            variant=name,
            seed=SEED,
            data_json=str(self.data_json),
            model_path=str(folder / "model.safetensors"),
            curve_path=str(folder / "train.csv"),
            record_path=str(folder / "run.json"),
            state_dir=str(folder / "state"),
        )

    def validation(self) -> Figures:
        """Time of a validation, the second one: the first compiles."""
        self.trainer.validate()
        seconds, score = timed(self.trainer.validate)
        return {"bpb": score.bpb, "whole_validation_seconds": seconds / score.tokens * VALIDATION_POSITIONS}

    def exporting(self) -> Figures:
        """Time and size of the artifact."""
        self.trainer.settle()
        checkpoint = self.folder / "model.safetensors"
        save_weights(checkpoint, self.trainer.model)
        seconds, record = timed(
            lambda: export(checkpoint, self.scale.export, self.artifact, self.folder / "export.json")
        )
        return {"export_seconds": seconds, "artifact_megabytes": record["bytes_weights"] / 1e6}

    def sliding(self) -> Figures:
        """Time of sliding over a part of validation, projected; a pass before it compiles."""
        gpt, _ = load_gpt(self.artifact)
        settings = self.scale.sliding
        slide(gpt, self.data.validation, settings.model_copy(update={"max_positions": 4 * settings.seq_len}))
        seconds, referee = timed(lambda: slide(gpt, self.data.validation, settings))
        positions = len(referee.finish())
        return {"positions": float(positions), "whole_sliding_seconds": seconds / positions * VALIDATION_POSITIONS}

    def legal_ttt(self) -> Figures:
        """Time of some chunks of legal test-time training, projected; the first chunk compiles and does not count."""
        gpt, _ = load_gpt(self.artifact)
        run = ScoreFirst(gpt, self.data.validation, self.data.byte_table, self.scale.legal_ttt)
        run.run_chunk()
        before, scored = run.seconds, run.ledger.frontier
        while not run.finished:
            run.run_chunk()
        run.referee.finish()
        rate = (run.seconds - before) / (run.ledger.frontier - scored)
        return {"chunks": float(run.num_chunks), "whole_ttt_seconds": rate * VALIDATION_POSITIONS}

    def several_devices(self) -> Figures:
        """Share of the tokens a second of one GPU that each of several loses, for a step of the same size."""
        count = torch.cuda.device_count() if torch.cuda.is_available() else 1
        if count < 2:
            return {"devices": float(count)}
        count = max(each for each in range(1, count + 1) if self.scale.train.micro_batches % each == 0)
        rates = []
        for devices in (1, count):
            changes = {"devices": devices, "batch_tokens": self.scale.train.batch_tokens, "compile": None}
            run = self.run(f"{devices}_devices", **changes)
            train_run(run)
            rates.append(read_json(run.record_path)["tokens_per_second"])
        return {"devices": float(count), "lost_to_exchange": 1 - rates[1] / rates[0] / count}


def train_run(run: TrainingRun) -> None:
    """Do a training."""
    train(
        run.model, run.train, run.variant, run.seed, run.data_json,
        run.model_path, run.curve_path, run.record_path, run.state_dir,
    )  # fmt: skip


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds, and what came out."""
    started = time.monotonic()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.monotonic() - started, result


@contextmanager
def synchronisations() -> Iterator[list[warnings.WarningMessage]]:
    """Collects the places inside where the host waits for a GPU; none without one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("warn")
        found: list[warnings.WarningMessage] = []
        try:
            yield found
        finally:
            if torch.cuda.is_available():
                torch.cuda.set_sync_debug_mode("default")
            found += [each for each in caught if "synchroniz" in str(each.message)]


LINES: dict[str, Callable[[Bench], Figures]] = {
    "training step": Bench.training_step,
    "bfloat16 against float32": Bench.arithmetic,
    "validation": Bench.validation,
    "export": Bench.exporting,
    "sliding": Bench.sliding,
    "legal TTT": Bench.legal_ttt,
    "kill and resume": Bench.kill_and_resume,
    "several devices": Bench.several_devices,
}
"""Every line by its name, in the order in which they are tried."""
