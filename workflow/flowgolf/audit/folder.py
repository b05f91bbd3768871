"""The files of a folder that nobody vouches for: bounded in number and size, links out of it never followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

MOST_FILES = 2_000
MOST_DEPTH = 4
MOST_LOG_CHARACTERS = 64_000_000
MOST_LINE_CHARACTERS = 20_000
MOST_TEXT_BYTES = 2_000_000


class AuditError(ValueError):
    """The folder cannot be audited; the message is one sentence for the user."""


@dataclass
class Folder:
    """The regular files of a folder by their path in it, and what was passed over."""

    root: Path
    files: dict[str, int] = field(default_factory=dict)
    """Path inside the folder -> size in bytes."""
    outside: list[str] = field(default_factory=list)
    """Links that leave the folder."""
    special: list[str] = field(default_factory=list)
    """What is neither file, folder nor link: opening a pipe would wait for ever."""
    truncated: bool = False
    """Whether there were more than MOST_FILES files."""

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.root / name

    def text(self, name: str) -> str:
        """A small text file, its first MOST_TEXT_BYTES bytes; what is not UTF-8 is replaced."""
        with self.path(name).open("rb") as file:
            return file.read(MOST_TEXT_BYTES).decode("utf-8-sig", errors="replace")

    def named(self, *endings: str) -> list[str]:
        """Files whose name ends so, those of the folder itself before those of folders in it."""
        return sorted((name for name in self.files if name.lower().endswith(endings)), key=lambda n: (n.count("/"), n))


def open_folder(path: str | Path) -> Folder:
    """List a folder. AuditError when it is none or cannot be read."""
    root = Path(path)
    if not root.is_dir():
        raise AuditError(f"{path}: not a folder; give the folder that holds submission.json and the logs")
    folder = Folder(root.resolve())
    try:
        walk(folder, folder.root, 0)
    except OSError as error:
        raise AuditError(f"{path}: cannot be read ({error.strerror})") from None
    return folder


def walk(folder: Folder, where: Path, depth: int) -> None:
    """Add the files below `where`; folders that are links are not entered."""
    for entry in sorted(os.scandir(where), key=lambda entry: entry.name):
        if len(folder.files) >= MOST_FILES:
            folder.truncated = True
            return
        if entry.is_dir(follow_symlinks=False):
            if depth < MOST_DEPTH and not entry.name.startswith("."):
                walk(folder, Path(entry.path), depth + 1)
        else:
            add(folder, Path(entry.path))


def add(folder: Folder, path: Path) -> None:
    """Add a file, or say why not."""
    name = path.relative_to(folder.root).as_posix()
    try:
        target = path.resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError):
        folder.outside.append(name)
        return
    if not target.is_relative_to(folder.root):
        folder.outside.append(name)
    elif stat.S_ISREG(status.st_mode):
        folder.files[name] = status.st_size
    elif not stat.S_ISDIR(status.st_mode):
        folder.special.append(name)


class Lines:
    """(number, text) of a log's lines, from 1; long lines are cut short, and reading ends at MOST_LOG_CHARACTERS."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0
        """Characters so far."""
        self.cut = False
        """Whether the file goes on after the last line given."""

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Read the file once."""
        with self.path.open(encoding=encoding(self.path), errors="replace", newline="\n") as file:
            number = 0
            while self.read < MOST_LOG_CHARACTERS and (text := self.piece(file)):
                number += 1
                yield number, text.rstrip("\r\n")
                while not text.endswith("\n") and self.read < MOST_LOG_CHARACTERS and (text := self.piece(file)):
                    pass
            self.cut = bool(file.read(1))

    def piece(self, file: TextIO) -> str:
        """A line, or the next piece of a long one."""
        text = file.readline(MOST_LINE_CHARACTERS)
        self.read += len(text)
        return text


def encoding(path: Path) -> str:
    """UTF-16 where a byte order mark says so (a shell on Windows writes it), else UTF-8."""
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
