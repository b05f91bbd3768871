"""The processes that a launcher started the generated train_gpt.py in: torchrun says so in the environment."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from flowgolf.train import rank
from flowgolf.train.distributed import Ranks

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE")


class Processes(NamedTuple):
    """This process's place among all, and among those of this machine."""

    rank: int
    local_rank: int
    size: int

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def joined(self) -> Ranks:
        """The group of all processes, each with its own GPU where there are some."""
        gpus = torch.cuda.device_count()
        if torch.cuda.is_available() and self.local_rank >= gpus:
            raise ValueError(
                f"torchrun started a process for each of {self.local_rank + 1} GPUs, this machine has {gpus}"
            )
        return rank.joined()


def launched() -> bool:
    """Whether a launcher started this process."""
    return any(name in os.environ for name in VARIABLES)


def processes() -> Processes:
    """What the launcher says of this process; alone without one. ValueError unless all of VARIABLES are numbers."""
    if not launched():
        return Processes(0, 0, 1)
    given = {name: os.environ.get(name, "") for name in VARIABLES}
    if not all(text.isdecimal() for text in given.values()):
        shown = ", ".join(f"{name}={text!r}" for name, text in given.items())
        raise ValueError(f"{shown}: torchrun sets all three to whole numbers; unset them to start without it")
    return Processes(*map(int, given.values()))


def shared_settings(train: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training, for as many processes as were launched; ValueError when they cannot share a step."""
    if not launched():
        return dict(train)
    count, micro_batches = processes().size, train["micro_batches"]
    if micro_batches % count:
        accepted = ", ".join(str(each) for each in range(1, micro_batches + 1) if micro_batches % each == 0)
        raise ValueError(
            f"{count} processes cannot share the {micro_batches} micro-batches of a step: --nproc_per_node takes "
            f"{accepted} here"
        )
    return {**train, "devices": count}


def device_of_process() -> torch.device:
    """The GPU of this process, or the CPU."""
    return torch.device("cuda", processes().local_rank) if torch.cuda.is_available() else torch.device("cpu")
