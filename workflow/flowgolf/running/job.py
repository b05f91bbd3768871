"""What surrounds the work of a rule: its log, and one sentence when it fails, kept for the tables."""

import errno
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from flowgolf.files import write_json
from flowgolf.running.lock import locked
from flowgolf.running.progress import clock
from flowgolf.running.store import Work

EXPECTED = (ValueError, OSError, ArithmeticError, InterruptedError)  # their text says what to do; others are bugs


class Tee:
    """Writes to the terminal and to the log."""

    def __init__(self, *streams: TextIO) -> None:
        """Every text goes to each stream at once."""
        self.streams = streams

    def write(self, text: str) -> int:
        """Write `text` everywhere."""
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing waits: every write is flushed."""


@contextmanager
def job(
    log: str, failure: str, stage: str, variant: str = "", seed: int | None = None, work: Work | None = None
) -> Iterator[bool]:
    """Run a stage: stderr also goes to `log`; an error ends the process with one sentence, recorded in `failure`.

    The failure record holds stage, variant, seed, message and time (ISO, UTC); it is removed when the job starts.
    With `work` nobody else makes the same outputs meanwhile, and the answer is False when they are there already:
    from the store, or from a job of an earlier Snakemake that was still running.
    """
    Path(failure).unlink(missing_ok=True)
    label = " ".join(part for part in (stage, variant, "" if seed is None else f"seed {seed}") if part)
    started = time.monotonic()
    with open(log, "w") as log_file, redirect_stderr(Tee(sys.stderr, log_file)):
        try:
            if work is None:
                yield True
            else:
                yield from once(work, Path(failure).with_suffix(f".{Path(work.outputs[0]).stem}.lock"), label)
        except Exception as error:
            traceback.print_exc(file=log_file)
            message = sentence(error)
            identity = {"stage": stage, "variant": variant, "seed": seed}
            now = datetime.now(UTC).isoformat(timespec="seconds")
            print(f"{label} failed: {message}\n  details: {log}", file=sys.stderr)
            write_json(failure, {**identity, "message": message, "time": now})
            raise SystemExit(1) from None
        print(f"{label}  done in {clock(time.monotonic() - started)}", file=sys.stderr)


def once(work: Work, lock: Path, label: str) -> Iterator[bool]:
    """Hold the lock of an output; yields whether there is anything to compute, and keeps what was computed."""
    with locked(lock, label, work.key()) as made_by:
        if made_by and work.complete():
            print(f"{label}: made by {made_by}", file=sys.stderr)
            yield False
        elif work.fetch():
            print(f"{label}: from the store {work.cache}", file=sys.stderr)
            yield False
        else:
            yield True
            work.put(label)


def sentence(error: Exception) -> str:
    """The sentence that matters of an error."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"disk full while writing {error.filename or 'a result'}: free some space and run again"
    if isinstance(error, MemoryError) and text:
        return text
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return f"out of memory: raise train.micro_batches, lower evaluate's memory_mb, or ask for more ({text})"
    if isinstance(error, EXPECTED) and text:
        return text
    return f"{type(error).__name__}: {text}"
