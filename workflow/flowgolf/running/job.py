"""What surrounds the work of a rule: its log, and one sentence when it fails, kept for the tables."""

import errno
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from flowgolf.files import read_json, write_json
from flowgolf.running.progress import clock, progress_of

EXPECTED = (ValueError, OSError, ArithmeticError, InterruptedError)  # their text says what to do; others are bugs


class Tee:
    """Writes to the terminal and to the log; a terminal that was closed meanwhile stops nothing."""

    def __init__(self, *streams: TextIO) -> None:
        """Every text goes to each stream at once."""
        self.streams = streams

    def write(self, text: str) -> int:
        """Write `text` everywhere."""
        for stream in self.streams:
            with suppress(OSError):
                stream.write(text)
                stream.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing waits: every write is flushed."""


@contextmanager
def job(log: str, failure: str, label: str, identity: Mapping[str, Any]) -> Iterator[None]:
    """Surround work called `label`: stderr also goes to `log`; an error or Ctrl-C ends the process with one sentence.

    Lines of progress begin with `label`.
    The sentence is recorded in `failure` with `identity` (stage, variant, seed) and the time (ISO, UTC); the record of
    an earlier failure is removed first.
    """
    Path(failure).unlink(missing_ok=True)
    started = time.monotonic()
    with open(log, "w") as log_file, redirect_stderr(Tee(sys.stderr, log_file)), progress_of(label):
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            traceback.print_exc(file=log_file)
            message = sentence(error)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            details = "" if isinstance(error, InterruptedError | KeyboardInterrupt) else f"\n  details: {log}"
            print(f"{label} failed: {message}{details}", file=sys.stderr)
            write_json(failure, {**identity, "message": message, "time": now, "repeats": repeats(error)})
            raise SystemExit(1) from None
        print(f"{label}  done in {clock(time.monotonic() - started)}", file=sys.stderr)


def repeats(error: BaseException) -> bool:
    """Whether the job would fail again in the same way: not after a signal, for want of memory, on a broken machine."""
    passing = OSError | MemoryError | RuntimeError | KeyboardInterrupt
    return not isinstance(error, passing) or isinstance(error, NotImplementedError)


def failed_for_good(failure: str | None, since: float) -> bool:
    """Whether a job has said under `failure`, after `since` (seconds since the epoch), that it would fail again."""
    try:
        return failure is not None and Path(failure).stat().st_mtime >= since and bool(read_json(failure)["repeats"])
    except (OSError, ValueError, KeyError):
        return False


def sentence(error: BaseException) -> str:
    """The sentence that matters of an error."""
    text = " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        return "stopped by SIGINT; run again to go on"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"disk full while writing {error.filename or 'a result'}: free some space and run again"
    if isinstance(error, MemoryError) and text:
        return text
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return f"out of memory: raise train.micro_batches, lower evaluate's memory_mb, or ask for more ({text})"
    if isinstance(error, EXPECTED) and text:
        return text
    return f"{type(error).__name__}: {text}"
