"""The manifest of a study (runs.json): its declared runs, and the files in which each leaves its records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgolf.files import read_json
from flowgolf.study.stages import STAGES


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read a manifest and list every run under one name only; see `canonical`."""
    return canonical(read_json(path))


def canonical(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Replace second names of a variant by the first, and add `main_variants`: those not made by a sweep alone.

    A variant has a second name if another one has the same files at every seed. So the point of a sweep that keeps
    the default value is the variant that is swept.
    """
    names = aliases(manifest)
    sweeps = {
        name: {**sweep, "variants": [names.get(point, point) for point in sweep["variants"]]}
        for name, sweep in manifest["sweeps"].items()
    }
    runs = [run for run in manifest["runs"] if run["variant"] not in names]
    main = main_variants(manifest)
    claims = {
        name: {key: names.get(each, each) if key in ("arm", "against") else each for key, each in claim.items()}
        for name, claim in manifest.get("claims", {}).items()
    }
    manifest = {**manifest, "claims": claims}
    return {**manifest, "sweeps": sweeps, "runs": runs, "main_variants": [name for name in main if name not in names]}


def aliases(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Find variants that have the same files as an earlier one at all their seeds: second name -> first name."""
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
    """List the variants in the order of the runs, without those that are only the point of a sweep."""
    points = {name for sweep in manifest["sweeps"].values() for name in sweep["variants"]}
    named = {manifest["reference"], *(manifest["two_by_two"] or ())}
    named |= {sweep["of"] for sweep in manifest["sweeps"].values()}
    order = dict.fromkeys(run["variant"] for run in manifest["runs"])
    return [name for name in order if name in named or name not in points]


def declared_seeds(manifest: Mapping[str, Any]) -> dict[str, list[int]]:
    """Declared seeds of each variant: the study's for a main variant, and those of each sweep that it is a point of."""
    seeds = {name: list(manifest["seeds"]) for name in manifest["main_variants"]}
    for sweep in manifest["sweeps"].values():
        for point in sweep["variants"]:
            seeds[point] = list(dict.fromkeys([*seeds.get(point, []), *sweep["seeds"]]))
    return seeds
