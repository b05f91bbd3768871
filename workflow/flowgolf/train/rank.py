"""A process that the launcher starts: `python -m flowgolf.train.rank FOLDER`, with the run in FOLDER/run.json."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch.multiprocessing import _prctl_pr_set_pdeathsig  # type: ignore[attr-defined]

from flowgolf.files import read_json, write_json
from flowgolf.train.distributed import LostContactError, Ranks
from flowgolf.train.process import run_process
from flowgolf.train.run import TrainingRun

EXCHANGE_TIMEOUT = timedelta(minutes=30)  # all take equal shares of steps and validations; one may compile for long
COMMAND = ("-m", "flowgolf.train.rank")
"""What starts this module, before the folder's path."""
NCCL = {
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
    "TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC": str(round(EXCHANGE_TIMEOUT.total_seconds())),
}
"""What torch's NCCL is told unless the study's `environment` says otherwise."""
RUN, STOP, ERRORS = "run.json", "stop", "*.error"
KINDS: tuple[type[Exception], ...] = (
    LostContactError, InterruptedError, OSError, FloatingPointError, ArithmeticError, MemoryError, ValueError,
    RuntimeError,
)  # fmt: skip
"""What an error can be in the launching process, the special before the general; any other is a RuntimeError there."""


def main(folder: Path, told: Callable[[int, dict[str, Any]], None] | None = None) -> int:
    """Train as one rank and end the process; an error is left in FOLDER for the launching process, exit code 1.

    `told` is given the seed and each row of the curve.
    """
    _prctl_pr_set_pdeathsig(signal.SIGKILL)  # never outlive the launching process
    ranks = joined()
    try:
        run = TrainingRun.model_validate_json((folder / RUN).read_bytes())
        run_process(run, ranks, folder / STOP, partial(told, run.seed) if told else None)
    except Exception as error:
        leave_error(folder / f"{ranks.rank:04}.error", error)
        return 1
    return done()


def done() -> NoReturn:
    """End a process that was one of several."""
    if torch.cuda.is_available():
        dist.destroy_process_group()  # NCCL warns of one that is left, and its threads may hold the GPU
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # everything is written; taking gloo and the interpreter down has aborted a process that was done


def joined() -> Ranks:
    """Become one of the launcher's processes, by the environment that it sets.

    Over NCCL on a GPU of this process's own, else over gloo.
    The GPU is chosen before NCCL starts, which otherwise takes the first one for every process. An exchange that fails
    in the background is raised where it is waited for, so that one message tells it; a watchdog that hears nothing for
    as long as an exchange may take ends the process.
    """
    if torch.cuda.is_available():
        for name, value in NCCL.items():
            os.environ.setdefault(name, value)
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        dist.init_process_group("nccl", timeout=EXCHANGE_TIMEOUT, device_id=device)
    else:
        dist.init_process_group("gloo", timeout=EXCHANGE_TIMEOUT)
    return Ranks(dist.get_rank(), dist.get_world_size(), int(os.environ["LOCAL_RANK"]))


def leave_error(path: Path, error: Exception) -> None:
    """Write an error as JSON: which of KINDS it is, what it is made of or else its text, and its traceback."""
    kind = next((each for each in KINDS if isinstance(error, each)), RuntimeError)
    made_of = error.__reduce__()[1] if type(error) is kind else (str(error),)
    if not isinstance(error, kind):
        made_of = (f"{type(error).__name__}: {error}",)
    arguments = [str(each) if isinstance(each, Path) else each for each in made_of]
    plain = all(isinstance(each, str | int) for each in arguments)
    left = {
        "kind": kind.__name__,
        "arguments": arguments if plain else [str(error)],
        "traceback": "".join(traceback.format_exception(error)),
    }
    write_json(path, left)


def errors(folder: Path) -> list[Exception]:
    """The errors that processes have left, in order of rank."""
    return [error_of(**read_json(path)) for path in sorted(folder.glob(ERRORS))]


def error_of(kind: str, arguments: list[Any], traceback: str) -> Exception:
    """An error that was left."""
    error = next(each for each in KINDS if each.__name__ == kind)(*arguments)
    error.add_note(traceback)
    return error


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
