"""Saved states that nothing will go on from: those of settings and of code that a study no longer has."""

import shutil
import sys
from collections.abc import Collection
from pathlib import Path


def remove_left_over(folder: str | Path, current: Collection[str]) -> list[Path]:
    """Remove the state folders FOLDER/<stage>/<variant>/seed<seed>-<digest> that are not among `current`.

    Says on stderr how many, and how large they were; returns them. What cannot be removed stays.
    """
    kept = {Path(path) for path in current}
    old = sorted(path for path in Path(folder).glob("*/*/seed*-*") if path not in kept)
    size_bytes = sum(file.stat().st_size for path in old for file in path.rglob("*") if file.is_file())
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    if old:
        told = f"removed {len(old)} saved states of settings or code that are gone ({size_bytes / 1e6:.1f} MB)"
        print(f"{folder}: {told}", file=sys.stderr)
    return old
