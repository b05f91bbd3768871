"""An interpreter that has torch, numpy, sentencepiece and zstandard, and nothing that they do not need themselves."""

import os
import subprocess
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from flowgolf.submission.one_file.bundle import PACKAGES


def four_package_interpreter(folder: Path, *more: str) -> Path:
    """Make the environment in `folder` out of links to what is installed here, `more` packages too; its Python."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    site = next(folder.glob("lib/python*/site-packages"))
    for found in with_dependencies((*PACKAGES, *more)):
        for name in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            source = Path(str(found.locate_file(name)))
            if source.exists() and name != "__pycache__":
                (site / name).symlink_to(source)
    return folder / "bin" / "python"


def with_dependencies(names: tuple[str, ...]) -> list[Distribution]:
    """The distributions of these names and all that they require on this machine."""
    found: dict[str, Distribution] = {}
    pending = list(names)
    while pending:
        name = pending.pop().lower()
        if name not in found:
            found[name] = distribution(name)
            required = [Requirement(text) for text in found[name].requires or ()]
            pending += [each.name for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    return list(found.values())


def run_alone(python: Path, folder: Path, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess:
    """Run the interpreter in a folder, with nothing of this process's environment but the machine's paths."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "LANG": "C.UTF-8"}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
