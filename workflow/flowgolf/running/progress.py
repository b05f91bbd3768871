"""One short line now and then for a long job, the same text on every kind of terminal and in every log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

JOB: list[str] = []
"""What the job of this process is called, with variant, seed and part; empty outside a job of the workflow."""


@contextmanager
def progress_of(job: str) -> Iterator[None]:
    """Let lines of progress begin with what the job is called: several jobs print on one terminal."""
    JOB.append(job)
    try:
        yield
    finally:
        JOB.pop()


def full_label(label: str) -> str:
    """A label that also says which job it belongs to; one that names the job's work, or its kind, is the job's own."""
    if not JOB:
        return label
    job = JOB[-1]
    return job if job.startswith(label) or label.startswith(job) else f"{job}: {label}"


class Progress:
    """Prints `label  12 % (30/250 steps)  loss 3.2  21k tokens/s  0:40 left` at most every `every_seconds`."""

    def __init__(self, label: str, total: int, unit: str, every_seconds: float = 10.0) -> None:
        self.label, self.total, self.unit, self.every_seconds = full_label(label), total, unit, every_seconds
        self.started = self.printed = time.monotonic()
        self.first: int | None = None

    def update(self, done: int, **figures: str) -> bool:
        """Tell that `done` of `total` are done; `figures` are shown as `name value`, those that are not known yet (nan)
        left out. True if a line was printed.
        """
        now = time.monotonic()
        if self.first is None:
            self.first, self.started = done, now
        if now - self.printed < self.every_seconds and done < self.total:
            return False
        self.printed = now
        shown = "".join(f"  {name} {value}" for name, value in figures.items() if value != "nan")
        print(f"{self.label}  {done / self.total:4.0%} ({done}/{self.total} {self.unit}){shown}  {self._left(done)}",
              file=sys.stderr, flush=True)  # fmt: skip
        return True

    def _left(self, done: int) -> str:
        elapsed = time.monotonic() - self.started
        begun = done - (self.first or 0)
        if done >= self.total or begun <= 0:
            return f"{clock(elapsed)} taken"
        return f"{clock(elapsed / begun * (self.total - done))} left"


def clock(seconds: float) -> str:
    """`75` as `1:15`, `4000` as `1:06:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
