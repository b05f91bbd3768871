"""What a result was made from, kept beside it as made_from.json: settings, code, seed, inputs, and its files' digests.

Two results with one key are the same result, whatever their names; a result whose key is no longer that of its
settings, code and inputs is out of date.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from flowgolf import files, provenance
from flowgolf.study.stages import MADE_FROM


@dataclass(frozen=True)
class Origin:
    """Everything that the files of one job follow from."""

    stage: str
    settings: Mapping[str, Any]
    """The identity of its settings, block by block."""
    code: Mapping[str, str]
    """Source -> digest, of all that its code reaches."""
    inputs: Mapping[str, str]
    """Name of an input -> SHA-256 of its content."""
    seed: int | None = None
    """None where the seed only chooses the inputs."""
    part: str | None = None
    """`k/n` for one of several jobs that share a result."""
    versions: str = ""
    """Of Python and the libraries that compute; see `study/runtime.py`."""
    device: str = "cpu"
    """Kind of device: no GPU gives a CPU's digits."""

    @property
    def key(self) -> str:
        """Content address of the result (hex)."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """The part of it that is known before any input exists; see `provenance.label`."""
        return provenance.label(self.settings, provenance.combined(self.code), self.versions)

    def write(self, outputs: Mapping[str, str]) -> None:
        """Leave made_from.json, the last file of a result."""
        digests = {Path(path).name: files.sha256(path) for name, path in outputs.items() if name != MADE_FROM}
        content = {**asdict(self), "key": self.key, "label": self.label, "outputs": digests}
        files.write_json(outputs[MADE_FROM], content)


def read(path: str | Path) -> dict[str, Any] | None:
    """Content of a made_from.json, or None when there is none that can be read."""
    try:
        return files.read_json(path)
    except (OSError, ValueError):
        return None


def holds(outputs: Mapping[str, str], key: str) -> bool:
    """Whether these files are there, have this key, and are still what was left."""
    kept = read(outputs[MADE_FROM])
    if kept is None or kept.get("key") != key:
        return False
    wanted = {Path(path).name: Path(path) for name, path in outputs.items() if name != MADE_FROM}
    digests: dict[str, str] = kept["outputs"]
    return digests.keys() == wanted.keys() and all(
        path.is_file() and files.sha256(path) == digests[name] for name, path in wanted.items()
    )


def rename(outputs: Mapping[str, str], variant: str) -> None:
    """Let a record that says whose it is say `variant`, under which it is used here; made_from.json follows."""
    record, made_from = (files.read_json(outputs[name]) for name in ("record", MADE_FROM))
    if record.get("variant", variant) != variant:
        files.write_json(outputs["record"], {**record, "variant": variant})
        made_from["outputs"][Path(outputs["record"]).name] = files.sha256(outputs["record"])
        files.write_json(outputs[MADE_FROM], made_from)


def touch(outputs: Mapping[str, str]) -> None:
    """Date files now: newer than the inputs that they still follow from."""
    for path in outputs.values():
        os.utime(path)


def twin(outputs: Mapping[str, str], key: str, candidates: Iterable[Path]) -> Path | None:
    """Copy the files of another run of the study that has the same key; None when there is no such run.

    `candidates` are paths of made_from.json. That is how a renamed variant finds what it already has.
    """
    for candidate in candidates:
        there = {name: str(candidate.parent / Path(path).name) for name, path in outputs.items()}
        if candidate == Path(outputs[MADE_FROM]) or not holds(there, key):
            continue
        for name, path in outputs.items():
            with files.replacing(path) as temporary:
                shutil.copyfile(there[name], temporary)
        return candidate.parent
    return None
