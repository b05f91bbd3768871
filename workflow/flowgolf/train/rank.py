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

EXCHANGE_TIMEOUT = timedelta(minutes=30)  # all take equal shares of steps and validations; one may compile for long
COMMAND = ("-m", "flowgolf.train.rank")
"""What starts this module, before the folder's path."""
NCCL = {
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
    "TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC": str(round(EXCHANGE_TIMEOUT.total_seconds())),
}
"""What torch's NCCL is told unless the study's `environment` says otherwise."""
RUN, STOP, ERRORS = "run.json", "stop", "*.error"


def main(folder: Path) -> int:
    """Train as one rank and end the process; an error is left in FOLDER for the launching process, exit code 1."""
    _prctl_pr_set_pdeathsig(signal.SIGKILL)  # never outlive the launching process
    join()
    ranks = Ranks(dist.get_rank(), dist.get_world_size())
    try:
        run = TrainingRun.model_validate_json((folder / RUN).read_bytes())
        run_process(run, ranks, folder / STOP)
    except Exception as error:
        leave_error(folder / f"{ranks.rank:04}.error", error)
        return 1
    if torch.cuda.is_available():
        dist.destroy_process_group()  # NCCL warns of one that is left, and its threads may hold the GPU
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # everything is written; taking gloo and the interpreter down has aborted a process that was done


def join() -> None:
    """Become one of the launcher's processes: over NCCL on a GPU of this process's own, else over gloo.

    The GPU is chosen before NCCL starts, which otherwise takes the first one for every process. An exchange that fails
    in the background is raised where it is waited for, so that one message tells it; a watchdog that hears nothing for
    as long as an exchange may take ends the process.
    """
    if not torch.cuda.is_available():
        dist.init_process_group("gloo", timeout=EXCHANGE_TIMEOUT)
        return
    for name, value in NCCL.items():
        os.environ.setdefault(name, value)
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    dist.init_process_group("nccl", timeout=EXCHANGE_TIMEOUT, device_id=device)


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
