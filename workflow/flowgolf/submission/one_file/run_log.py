"""The log of a run of the generated train_gpt.py: printed as it comes, and kept in a file."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from flowgolf.running.lines import pairs


def log_path(seed: int) -> Path:
    """Where the log of a seed is kept, here and in a submission."""
    return Path(f"train_seed{seed}.log")


class RunLog:
    """Of one seed; a `quiet` one tells nobody anything."""

    def __init__(self, seed: int, fresh: bool, quiet: bool = False) -> None:
        """A log that is not `fresh` goes on where the file ends."""
        self.seed, self.fresh, self.quiet = seed, fresh, quiet

    def begin(self, lines: Iterable[str]) -> None:
        """The first lines; those of a run that goes on stand there already."""
        if self.fresh and not self.quiet:
            log_path(self.seed).unlink(missing_ok=True)
            self.add(*lines)

    def add(self, *lines: str) -> None:
        """Print lines and keep them."""
        for line in () if self.quiet else lines:
            print(line, flush=True)
            with log_path(self.seed).open("a") as file:
                file.write(f"{line}\n")

    def row(self, label: str) -> Callable[[dict[str, Any]], None] | None:
        """What takes the rows of a curve."""
        return None if self.quiet else partial(self.add_row, label)

    def add_row(self, label: str, row: dict[str, Any]) -> None:
        """A line for a row of a curve."""
        self.add(pairs(label, row))


def tell_row(seed: int, row: dict[str, Any]) -> None:
    """A line for a step, from the process that took it."""
    RunLog(seed, fresh=False).add_row("train", row)
