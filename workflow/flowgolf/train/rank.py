"""A process that the launcher starts: `python -m flowgolf.train.rank FOLDER`, with the run in FOLDER/run.json."""

import os
import pickle
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.multiprocessing import _prctl_pr_set_pdeathsig  # type: ignore[attr-defined]

from flowgolf.files import replacing
from flowgolf.train.distributed import Ranks
from flowgolf.train.process import run_process
from flowgolf.train.run import TrainingRun

EXCHANGE_TIMEOUT = timedelta(hours=2)  # others wait in an exchange while the first process validates
COMMAND = ("-m", "flowgolf.train.rank")
"""What starts this module, before the folder's path."""
RUN, STOP, ERRORS = "run.json", "stop", "*.error"


def main(folder: Path) -> int:
    """Train as one rank and end the process; an error is left in FOLDER for the launching process, exit code 1."""
    _prctl_pr_set_pdeathsig(signal.SIGKILL)  # never outlive the launching process
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=EXCHANGE_TIMEOUT)
    ranks = Ranks(dist.get_rank(), dist.get_world_size())
    try:
        run = TrainingRun.model_validate_json((folder / RUN).read_bytes())
        run_process(run, ranks, folder / STOP)
    except Exception as error:
        leave_error(folder / f"{ranks.rank:04}.error", error)
        return 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # everything is written; taking gloo and the interpreter down has aborted a process that was done


def leave_error(path: Path, error: Exception) -> None:
    """Write an error with its traceback as a note; one that cannot travel becomes a RuntimeError of its text."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:
        content = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def errors(folder: Path) -> list[Exception]:
    """The errors that processes have left, in order of rank."""
    return [pickle.loads(path.read_bytes()) for path in sorted(folder.glob(ERRORS))]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
