"""Finished results by content: a folder that checkouts, studies and users share, for every kind of executor.

`python -m flowgolf.running.store FOLDER` lists the entries, `--prune DAYS` removes those not used for so many days,
`--keep GB` the longest unused ones until the rest is no larger.
"""

import argparse
import os
import shutil
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from flowgolf import files

INDEX = "index.json"
DAY_SECONDS = 86_400
GB = 10**9
DAMAGED = "damaged"


class Entry(NamedTuple):
    """One result that a store holds."""

    used: float
    """Last use, seconds since the epoch."""
    size_bytes: int
    """Size of its files."""
    label: str
    """The job that made it, or that it is damaged."""
    folder: Path
    """Where it lies."""


class Store:
    """FOLDER/ab/abcdef.../ holds the files of one result and an index with their SHA-256.

    Entries are complete or absent: they are made aside and renamed, so writers do not meet. Whoever may write to FOLDER
    may write to all that is in it: a folder with group write and setgid is shared by a group, whatever the umask.
    """

    def __init__(self, folder: str | Path) -> None:
        """`folder` is made when the first result is kept."""
        self.folder = Path(folder).expanduser()

    def entry(self, key: str) -> Path:
        """Folder of a result."""
        return self.folder / key[:2] / key

    def put(self, key: str, outputs: Sequence[str], label: str) -> None:
        """Copy `outputs` in; nothing happens when somebody has kept the same result already.

        Never an error: a store that cannot be written costs a line on stderr.
        """
        entry = self.entry(key)
        aside = entry.with_name(f".{uuid4().hex}")
        try:
            if whole(entry):
                return
            if entry.exists():
                shutil.rmtree(entry)
            self._make_folder(aside)
            for path in outputs:
                self._copy(Path(path), aside / Path(path).name)
            digests = {Path(path).name: files.sha256(aside / Path(path).name) for path in outputs}
            files.write_json(aside / INDEX, {"label": label, "sha256": digests})
            self._share(aside / INDEX)
            aside.rename(entry)
        except OSError as error:
            if not whole(entry):
                print(f"{self.folder}: the result of {label} is not kept ({error})", file=sys.stderr)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def fetch(self, key: str, outputs: Sequence[str]) -> bool:
        """Copy a result to `outputs`, checked; a damaged entry is removed with a line on stderr.

        Never an error: a store that cannot be read has nothing.
        """
        entry = self.entry(key)
        try:
            if not (entry / INDEX).is_file():
                return False
            self._fetch(entry, outputs)
        except (ValueError, KeyError, TypeError, OSError) as error:
            for path in outputs:
                Path(path).unlink(missing_ok=True)
            harmed = not isinstance(error, OSError) or isinstance(error, FileNotFoundError)
            if harmed:
                shutil.rmtree(entry, ignore_errors=True)
            told = "damaged, removed and computed again" if harmed else "not to be read, computed again"
            print(f"{entry}: {told} ({error})", file=sys.stderr)
            return False
        return True

    def _fetch(self, entry: Path, outputs: Sequence[str]) -> None:
        """Copy the files of an entry, each compared with its SHA-256."""
        digests = files.read_json(entry / INDEX)["sha256"]
        for path in outputs:
            with files.replacing(path) as temporary:
                shutil.copyfile(entry / Path(path).name, temporary)
                if files.sha256(temporary) != digests[Path(path).name]:
                    raise ValueError(f"{entry / Path(path).name}: not what was stored")
        with suppress(PermissionError):  # somebody else's, who shares it for reading only: its age stays what it was
            os.utime(entry / INDEX)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder of the store, and those above it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for each in (folder.parent, folder):
            with suppress(FileExistsError):
                each.mkdir()
                each.chmod(self._mode())

    def _copy(self, source: Path, target: Path) -> None:
        """Copy a file into the store."""
        shutil.copyfile(source, target)
        self._share(target)

    def _share(self, path: Path) -> None:
        """Let everybody write to a new file who may write to the store."""
        path.chmod(self._mode() & 0o666)

    def _mode(self) -> int:
        """Permissions of the store's own folder, with its setgid bit."""
        return stat.S_IMODE(self.folder.stat().st_mode)

    def entries(self) -> list[Entry]:
        """Every entry, the longest unused first; damaged ones too, and none that is being removed meanwhile."""
        found = []
        for folder in self.folder.glob("??/[!.]*"):
            with suppress(OSError):
                size_bytes = sum(path.stat().st_size for path in folder.iterdir())
                index = folder / INDEX
                used = (index if index.exists() else folder).stat().st_mtime
                found.append(Entry(used, size_bytes, label_of(folder), folder))
        return sorted(found)

    def prune(self, days: float | None = None, keep_bytes: float | None = None) -> list[Entry]:
        """Remove entries, and remains of writers, that were not used for `days`; then the longest unused ones until
        the rest is no larger than `keep_bytes`. Returns the removed entries; what cannot be removed is told and stays.
        """
        entries, removed = self.entries(), []
        oldest = time.time() - days * DAY_SECONDS if days is not None else 0.0
        size_bytes = sum(entry.size_bytes for entry in entries)
        for entry in entries:
            too_large = keep_bytes is not None and size_bytes > keep_bytes
            if (entry.used <= oldest or too_large) and removed_folder(entry.folder):
                size_bytes -= entry.size_bytes
                removed.append(entry)
        for path in self.folder.glob("??/.*"):
            if path.stat().st_mtime <= oldest:
                removed_folder(path)
        return removed


def whole(entry: Path) -> bool:
    """Whether an entry has all its files; they are not compared with their SHA-256."""
    try:
        return all((entry / name).is_file() for name in files.read_json(entry / INDEX)["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def label_of(entry: Path) -> str:
    """The job that made an entry; `damaged` when that cannot be read."""
    try:
        return str(files.read_json(entry / INDEX)["label"])
    except (OSError, ValueError, KeyError):
        return DAMAGED


def removed_folder(folder: Path) -> bool:
    """Remove a folder of the store; False, with a line on stderr, for one that belongs to somebody else."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        print(f"{folder}: stays ({error})", file=sys.stderr)
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """The command that shows and prunes a store."""
    parser = argparse.ArgumentParser(
        prog="python -m flowgolf.running.store", description="Show or prune a store of results."
    )
    parser.add_argument("folder", type=Path, help="the store, as in --config cache=FOLDER")
    parser.add_argument("--prune", metavar="DAYS", type=float, help="remove entries not used for so many days")
    parser.add_argument("--keep", metavar="GB", type=float, help="remove the longest unused entries beyond this size")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder}: no such folder")
    store = Store(options.folder)
    if (options.prune, options.keep) != (None, None):
        removed = store.prune(options.prune, None if options.keep is None else options.keep * GB)
        print(f"removed {len(removed)} entries")
    entries = store.entries()
    for used, size_bytes, label, folder in entries:
        print(f"{datetime.fromtimestamp(used):%Y-%m-%d %H:%M}  {size_bytes / 1e6:9.1f} MB  {folder.name[:12]}  {label}")
    print(f"{len(entries)} entries, {sum(entry.size_bytes for entry in entries) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
