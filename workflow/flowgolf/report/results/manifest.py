"""The manifest of a study (runs.json): which declared run finds its records where."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgolf.files import read_json

STAGES = ("train", "export", "sliding", "legal_ttt")


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest with every run once; see `canonical`."""
    return canonical(read_json(path))


def canonical(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without second names of a run, and with `main_variants`, those that are not points of a sweep.

    A variant whose runs all have the files of another, earlier one is that variant: the default value of a sweep is
    the variant that it sweeps.
    """
    names = aliases(manifest)
    sweeps = {
        name: {**sweep, "variants": [names.get(point, point) for point in sweep["variants"]]}
        for name, sweep in manifest["sweeps"].items()
    }
    runs = [run for run in manifest["runs"] if run["variant"] not in names]
    main = main_variants(manifest)
    return {**manifest, "sweeps": sweeps, "runs": runs, "main_variants": [name for name in main if name not in names]}


def aliases(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Second name -> first name of variants that have the same files at every seed of the second."""
    files: dict[str, dict[int, tuple[Any, ...]]] = {}
    for run in manifest["runs"]:
        files.setdefault(run["variant"], {})[run["seed"]] = tuple(run.get(stage) for stage in STAGES)
    order = main_variants(manifest)
    order += [name for name in files if name not in order]
    found = {}
    for index, second in enumerate(order):
        for first in order[:index]:
            if first not in found and files[second].items() <= files[first].items():
                found[second] = first
                break
    return found


def main_variants(manifest: Mapping[str, Any]) -> list[str]:
    """Variants in the order of the runs, those left out that exist only as the point of a sweep."""
    points = {name for sweep in manifest["sweeps"].values() for name in sweep["variants"]}
    named = {manifest["reference"], *(manifest["two_by_two"] or ())}
    named |= {sweep["of"] for sweep in manifest["sweeps"].values()}
    order = dict.fromkeys(run["variant"] for run in manifest["runs"])
    return [name for name in order if name in named or name not in points]


def declared_seeds(manifest: Mapping[str, Any]) -> dict[str, list[int]]:
    """variant -> seeds declared for it: the study's for a main variant, and those of the sweeps it is a point of."""
    seeds = {name: list(manifest["seeds"]) for name in manifest["main_variants"]}
    for sweep in manifest["sweeps"].values():
        for point in sweep["variants"]:
            seeds[point] = list(dict.fromkeys([*seeds.get(point, []), *sweep["seeds"]]))
    return seeds
