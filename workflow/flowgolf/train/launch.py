"""Several processes for one run, through torch's elastic launcher (what torchrun calls)."""

import logging
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from flowgolf.resume import stop_requests
from flowgolf.train import rank
from flowgolf.train.distributed import LostContactError
from flowgolf.train.run import TrainingRun

SHUTDOWN_SECONDS = 10  # for the others, once one process is gone


def launch(run: TrainingRun, command: Sequence[str] = rank.COMMAND) -> None:
    """Train with `run.train.devices` processes; their first error is raised here, as one.

    `command` are the interpreter's arguments that start a process, before the folder that tells it the run.
    ChildProcessError for a process that died without a word. SIGTERM and SIGUSR1 go on to the processes.
    """
    count = run.train.devices
    if torch.cuda.is_available() and count > torch.cuda.device_count():
        raise ValueError(f"train.devices: {count} asked for, this machine shows {torch.cuda.device_count()} GPUs")
    with tempfile.TemporaryDirectory() as name, stop_requests(Path(name, rank.STOP)) as stop, quiet():
        folder = Path(name)
        (folder / rank.RUN).write_text(run.model_dump_json())
        try:
            elastic_launch(config(count, folder), sys.executable)(*command, str(folder))
        except ChildFailedError as failed:
            error = first_error(folder, run, failed.failures)
            if stop.noted and not isinstance(error, InterruptedError):  # asked itself: the file may be a survivor's
                asked = signal.Signals(stop.noted).name
                error = InterruptedError(f"stopped by {asked}; what was saved is kept, run again to go on")
            raise error from None


def config(count: int, folder: Path) -> LaunchConfig:
    """One node, `count` processes, no restarts; the first one's stderr is passed on line by line."""
    logs = DefaultLogsSpecs(log_dir=str(folder / "logs"), redirects=Std.ERR, tee=Std.ERR, local_ranks_filter={0})
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=logs,
        log_line_prefix_template="",
        signals_to_handle="SIGHUP",  # SIGTERM and SIGUSR1 are passed on by file instead
        shutdown_timeout=SHUTDOWN_SECONDS,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the launcher's own log: the error that is raised says it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def first_error(folder: Path, run: TrainingRun, failures: Mapping[int, ProcessFailure]) -> Exception:
    """The error that brought the others down: one's own word, else a silent death, else lost contact."""
    told = rank.errors(folder)
    for error in told:
        if not isinstance(error, LostContactError):
            return error
    for number, failure in failures.items():
        if failure.exitcode < 0 or not told:
            how = signal.Signals(-failure.exitcode).name if failure.exitcode < 0 else f"exit code {failure.exitcode}"
            return ChildProcessError(
                f"{run.label}: process {number + 1} of {run.train.devices} died ({how}); "
                "what was saved is kept, run again to go on"
            )
    return told[0]
