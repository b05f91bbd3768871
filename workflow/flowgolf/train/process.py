"""What one process of a run does, from loading the data to leaving the results."""

import math
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals
from typing import Any

import torch

from flowgolf.data.dataset import Dataset
from flowgolf.files import write_csv, write_json
from flowgolf.model.checkpoint import save_weights
from flowgolf.resume import StateFolder, StopRequest, stop_requests
from flowgolf.running.facts import run_record
from flowgolf.running.progress import Progress
from flowgolf.running.slurm import cluster_job
from flowgolf.scoring.precision import precision_on
from flowgolf.train.distributed import Ranks
from flowgolf.train.groups import tensor_facts
from flowgolf.train.run import TrainingRun, check_data
from flowgolf.train.speed import peak_memory_bytes, speed_record
from flowgolf.train.tensorboard import EventFiles
from flowgolf.train.trainer import Trainer
from flowgolf.train.validation import StopAskedError

COLUMNS = [
    "step", "tokens", "train_loss", "cfm_loss", "rate", "momentum", "grad_norm", "val_loss", "val_bpb", "seconds",
]  # fmt: skip
COMPILE_WARMUP_STEPS = 20  # docs/spec/training.md, T12


def run_process(
    run: TrainingRun, ranks: Ranks, stop_file: Path | None = None, told: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Train as one of `ranks`; only the first prints and writes, and gives each row of the curve to `told`.

    A signal to any process that shares `stop_file` stops all of them after the same step, or in a validation.
    """
    data = Dataset.open(run.data_json)
    check_data(run.model, run.train, data)
    trainer = Trainer(run.model, run.train, run.label, run.seed, data, ranks, run.grid)
    folder = StateFolder(run.state_dir, run.identity(data))
    go_on(trainer, folder)
    if trainer.on_gpu and trainer.compiled and not trainer.finished():
        trainer.warm_up(COMPILE_WARMUP_STEPS)
    trainer.sessions.append(session(trainer))
    with stop_requests(stop_file) as stop:
        run_steps(trainer, folder, stop, Path(run.curve_path).parent / "tensorboard", told)
        leave_results(run, trainer, stop)
    if ranks.first:
        folder.remove()


def go_on(trainer: Trainer, folder: StateFolder) -> None:
    """Continue from a saved state, one process after the other: a node holds one copy of it at a time."""
    for rank in range(trainer.ranks.count):
        if rank == trainer.ranks.rank:
            saved = folder.load()
            if saved is not None:
                trainer.restore(saved)
                if trainer.ranks.first:
                    print(f"{trainer.label} goes on from step {trainer.step}", file=sys.stderr)
        trainer.ranks.wait(trainer.device)


def session(trainer: Trainer) -> dict[str, Any]:
    """Where and when this process took over, for the record."""
    return {
        "from_step": trainer.step,
        "started_at": now(),
        "host": socket.gethostname(),
        **cluster_job(),
        "devices": trainer.ranks.count,
        "threads": torch.get_num_threads(),
        "compiled": trainer.compiled,
    }


def now() -> str:
    """The time as ISO text, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def run_steps(
    trainer: Trainer,
    folder: StateFolder,
    stop: StopRequest,
    event_folder: Path,
    told: Callable[[dict[str, Any]], None] | None,
) -> None:
    """Take the steps that are left, saving now and then and at the end; InterruptedError once asked to stop."""
    settings, ranks = trainer.settings, trainer.ranks
    with ExitStack() as stack:
        recorder = stack.enter_context(Recorder(trainer, folder.folder, event_folder, told)) if ranks.first else None
        if not trainer.rows:
            trainer.rows.append({"step": 0, "tokens": 0, "seconds": 0.0})
        asked = validate_if_due(trainer, stop)
        while not (asked or trainer.finished()):
            trainer.rows.append(trainer.take_step())
            # a signal that comes after this exchange waits for the next step's, where all processes see it
            seconds, number = ranks.largest([trainer.elapsed_seconds, float(stop.number)], trainer.device)
            trainer.elapsed_seconds, asked = seconds, int(number)
            asked = asked or validate_if_due(trainer, stop)
            if recorder:
                recorder.report()
                if trainer.step % settings.checkpoint_every == 0 or asked or trainer.finished():
                    folder.save(trainer.state())
        if asked:
            if recorder and not trainer.step:
                folder.save(trainer.state())
            ranks.wait(trainer.device)  # nobody leaves before the state is on disk
            raise stopped(asked, trainer)


def stopped(number: int, trainer: Trainer) -> InterruptedError:
    """What to say when a signal has ended the run, with the state on disk."""
    return InterruptedError(
        f"stopped by {Signals(number).name} after step {trainer.step}; the state is kept, run again to go on"
    )


def validate_if_due(trainer: Trainer, stop: StopRequest) -> int:
    """Validate where the last row of the curve still lacks it; the number of the signal that cut it short, else 0."""
    row = trainer.rows[-1]
    if "val_bpb" in row or not (row["step"] % trainer.settings.val_every == 0 or trainer.finished()):
        return 0
    try:
        score = trainer.validate(lambda: stop.number)
    except StopAskedError as asked:
        return asked.number
    row |= {"val_loss": score.loss, "val_bpb": score.bpb}
    return 0


class Recorder:
    """Keeps the curve of a run: its rows, the progress line and file, TensorBoard's event files if asked for."""

    def __init__(
        self,
        trainer: Trainer,
        state_folder: Path,
        event_folder: Path,
        told: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """The progress file goes to `state_folder`, event files to `event_folder`, each row also to `told`."""
        self.told = told
        self.trainer, self.state_folder, self.event_folder = trainer, state_folder, event_folder
        self.progress = Progress(trainer.label, trainer.settings.steps, "steps")
        self.bpb = math.nan
        self.written = len(trainer.rows)
        """Rows of the curve that have been told already."""

    def __enter__(self) -> "Recorder":
        """Open the event files."""
        self.events = None
        if self.trainer.settings.tensorboard:
            self.events = EventFiles(self.event_folder, self.trainer.step)
        return self

    def __exit__(self, *error: object) -> None:
        """Close the event files."""
        if self.events:
            self.events.close()

    def report(self) -> None:
        """Tell what is known by now: rows of the curve, the progress line, and the same figures as a file."""
        rows = self.trainer.rows[: len(self.trainer.rows) - len(self.trainer.pending)]
        for row in rows[self.written :]:
            self.bpb = row.get("val_bpb", self.bpb)
            if self.told:
                self.told({key: row.get(key) for key in COLUMNS})
            if self.events:
                self.events.write(row)
        self.written = len(rows)
        if "train_loss" in rows[-1]:
            self.progressed(rows[-1]["train_loss"])

    def progressed(self, loss: float) -> None:
        """The progress line and file."""
        step, settings = self.trainer.step, self.trainer.settings
        rate = step * settings.batch_tokens / self.trainer.elapsed_seconds
        figures = {"loss": f"{loss:.3f}", "bpb": f"{self.bpb:.3f}", "tokens/s": f"{rate:,.0f}"}
        if self.progress.update(step, **figures):
            bpb = None if math.isnan(self.bpb) else self.bpb
            record = {"done": step, "total": settings.steps, "loss": loss, "bpb": bpb, "tokens_per_second": rate}
            write_json(self.state_folder / "progress.json", {**record, "written_at": now()})


def leave_results(run: TrainingRun, trainer: Trainer, stop: StopRequest) -> None:
    """Validate the averaged weights, each process its part; the first writes them, the curve and the record."""
    memory_bytes = trainer.ranks.largest([float(peak_memory_bytes(trainer.device))], trainer.device)[0]
    raw_bpb = trainer.rows[-1]["val_bpb"]
    trainer.ema.copy_to(trainer.model)
    try:
        averaged = trainer.validate(lambda: stop.number)
    except StopAskedError as asked:
        raise stopped(asked.number, trainer) from None
    if not trainer.ranks.first:
        return
    speed = speed_record(trainer.model, run.train, trainer.step, trainer.elapsed_seconds, int(memory_bytes))
    save_weights(run.model_path, trainer.model)
    write_csv(run.curve_path, COLUMNS, trainer.rows)
    record = {
        "variant": run.variant,
        "seed": run.seed,
        "model": run.model.model_dump(mode="json"),
        "train": run.train.model_dump(mode="json"),
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "tensors": tensor_facts(trainer.model, run.train),
        "steps": trainer.step,
        "train_val_bpb": raw_bpb,
        "ema_roundtrip_bpb": averaged.bpb,
        "precision": precision_on(trainer.device),
        "training_shards": [shard["sha256"] for shard in trainer.data.record["train"]["shards"]],
        "sessions": trainer.sessions,
        "started_at": trainer.sessions[0]["started_at"],
        "ended_at": now(),
        **speed,
        **run_record(),
    }
    write_json(run.record_path, record)
