"""A signal that asks a run to save and stop, in one process or several."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)  # what SLURM sends before a time limit


class StopRequest:
    """Whether a signal has asked to stop: this process, or with `file` any process that shares the file."""

    def __init__(self, file: Path | None = None) -> None:
        """Nothing asked yet."""
        self.file = file
        self.noted = 0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: note the signal; the loop saves and stops after its step."""
        self.noted = number
        if self.file is not None:
            self.file.write_text(str(number))

    @property
    def number(self) -> int:
        """Number of the signal, 0 for none."""
        if self.file is not None and not self.noted and self.file.exists():
            self.noted = int(self.file.read_text() or 0)
        return self.noted


@contextmanager
def stop_requests(file: Path | None = None) -> Iterator[StopRequest]:
    """Turn SIGTERM and SIGUSR1 into a request to save and stop, for all who share `file`."""
    request = StopRequest(file)
    before = [signal.signal(number, request.ask) for number in SIGNALS]
    try:
        yield request
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
