"""Finished results by content: a folder that checkouts and studies share, for every kind of executor.

`python -m flowgolf.running.store FOLDER` lists the entries, `--prune DAYS` removes those not used for so many days.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from flowgolf import files

INDEX = "index.json"
DAY_SECONDS = 86_400


class Store:
    """FOLDER/ab/abcdef.../ holds the files of one result and an index with their SHA-256.

    Entries are complete or absent: they are made aside and renamed, so writers do not meet.
    """

    def __init__(self, folder: str | Path) -> None:
        """`folder` is made when the first result is kept."""
        self.folder = Path(folder).expanduser()

    def entry(self, key: str) -> Path:
        """Folder of a result."""
        return self.folder / key[:2] / key

    def put(self, key: str, outputs: Sequence[str], label: str) -> None:
        """Copy `outputs` in; nothing happens when somebody has kept the same result already."""
        entry = self.entry(key)
        if entry.exists():
            return
        aside = entry.with_name(f".{uuid4().hex}")
        try:
            aside.mkdir(parents=True)
            for path in outputs:
                shutil.copyfile(path, aside / Path(path).name)
            digests = {Path(path).name: files.sha256(aside / Path(path).name) for path in outputs}
            files.write_json(aside / INDEX, {"label": label, "sha256": digests})
            aside.rename(entry)
        except OSError as error:
            if not entry.exists():
                print(f"{self.folder}: the result of {label} is not kept ({error})", file=sys.stderr)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def fetch(self, key: str, outputs: Sequence[str]) -> bool:
        """Copy a result to `outputs`, checked; a damaged entry is removed with a line on stderr."""
        entry = self.entry(key)
        if not (entry / INDEX).exists():
            return False
        try:
            digests = files.read_json(entry / INDEX)["sha256"]
            for path in outputs:
                with files.replacing(path) as temporary:
                    shutil.copyfile(entry / Path(path).name, temporary)
                    if files.sha256(temporary) != digests[Path(path).name]:
                        raise ValueError(f"{entry / Path(path).name}: not what was stored")
        except (ValueError, KeyError, FileNotFoundError) as error:
            print(f"{entry}: damaged, removed and computed again ({error})", file=sys.stderr)
            for path in outputs:
                Path(path).unlink(missing_ok=True)
            shutil.rmtree(entry, ignore_errors=True)
            return False
        os.utime(entry / INDEX)
        return True

    def entries(self) -> list[tuple[float, int, str, Path]]:
        """Last use (seconds since the epoch), size in bytes, label and folder of every entry, oldest first."""
        found = []
        for index in self.folder.glob(f"??/[!.]*/{INDEX}"):
            size_bytes = sum(path.stat().st_size for path in index.parent.iterdir())
            found.append((index.stat().st_mtime, size_bytes, str(files.read_json(index)["label"]), index.parent))
        return sorted(found, key=lambda entry: entry[0])

    def prune(self, days: float) -> list[Path]:
        """Remove entries, and remains of writers, that were not used for `days`; returns the entries' folders."""
        oldest = time.time() - days * DAY_SECONDS
        old = [folder for used, _, _, folder in self.entries() if used <= oldest]
        remains = [path for path in self.folder.glob("??/.*") if path.stat().st_mtime <= oldest]
        for folder in [*old, *remains]:
            shutil.rmtree(folder)
        return old


def main(arguments: Sequence[str] | None = None) -> None:
    """The command that shows and prunes a store."""
    parser = argparse.ArgumentParser(
        prog="python -m flowgolf.running.store", description="Show or prune a store of results."
    )
    parser.add_argument("folder", type=Path, help="the store, as in --config cache=FOLDER")
    parser.add_argument("--prune", metavar="DAYS", type=float, help="remove entries not used for so many days")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder}: no such folder")
    store = Store(options.folder)
    if options.prune is not None:
        print(f"removed {len(store.prune(options.prune))} entries")
    entries = store.entries()
    for used, size_bytes, label, folder in entries:
        print(f"{datetime.fromtimestamp(used):%Y-%m-%d %H:%M}  {size_bytes / 1e6:9.1f} MB  {folder.name[:12]}  {label}")
    print(f"{len(entries)} entries, {sum(size for _, size, _, _ in entries) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
