"""What an evaluation scored and how: two results are set against each other only where this agrees (rule 24)."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import EVALUATIONS, STAGE_OF
from flowgolf.study.stages import SCORING_STAGES

Basis = Mapping[str, Any]
DIGITS = 12
"""Of a digest, where two are printed beside each other."""
GAIN = "ttt_gain"
"""The value legal TTT - sliding, where values are named by their columns."""
STAGES_OF = {**{metric: (STAGE_OF[metric],) for metric in EVALUATIONS}, GAIN: ("sliding", "legal_ttt")}
"""Evaluations that a value comes from."""


def unlike(
    results: Results, treated: str, control: str, metric: str, seeds: Iterable[int] | None = None, paired: bool = True
) -> str:
    """What differs between the evaluations of two arms, in words; empty where they may be compared.

    The seeds that both have are looked at one by one, as their figures are compared; without any, or if not `paired`,
    each with each. `seeds` are all if not given.
    """
    sides = {stage: [bases(results, arm, stage, seeds) for arm in (treated, control)] for stage in STAGES_OF[metric]}
    found = [
        text for ours, theirs in sides.values() for pair in beside(ours, theirs, paired) for text in differing(*pair)
    ]
    return ", ".join(dict.fromkeys(found))


def unlike_gain(results: Results, variant: str, seeds: Iterable[int] | None = None) -> str:
    """What differs between legal TTT and sliding of an arm at any of its seeds, but for the seed that only TTT has."""
    ours, theirs = (bases(results, variant, stage, seeds) for stage in ("legal_ttt", "sliding"))
    found = [text for seed in ours if seed in theirs for text in differing(ours[seed], theirs[seed], apart=("seed",))]
    return ", ".join(dict.fromkeys(found))


def beside(ours: Mapping[int, Basis], theirs: Mapping[int, Basis], paired: bool) -> Iterator[tuple[Basis, Basis]]:
    """The pairs of evaluations that a comparison sets against each other."""
    shared = [seed for seed in ours if seed in theirs]
    if shared and paired:
        yield from ((ours[seed], theirs[seed]) for seed in shared)
    else:
        yield from product(ours.values(), theirs.values())


def bases(results: Results, variant: str, stage: str, seeds: Iterable[int] | None = None) -> dict[int, Basis]:
    """What each finished evaluation of an arm scored, by seed."""
    column = results.runs[variant][f"{stage}_basis"] if variant in results.runs else pd.Series(dtype=object)
    wanted = column if seeds is None else column[column.index.isin(list(seeds))]
    return {int(str(seed)): basis for seed, basis in wanted.items() if isinstance(basis, Mapping)}


def differing(one: Basis, other: Basis, apart: Iterable[str] = ()) -> list[str]:
    """The parts of two bases that differ, each with both values: `stride 64 and 32`; `apart` are not looked at."""
    return [
        f"{key} {told(one.get(key))} and {told(other.get(key))}"
        for key in dict.fromkeys((*one, *other))
        if key not in apart and one.get(key) != other.get(key)
    ]


def told(value: Any) -> str:
    """One value of a basis in print; digests shortened."""
    if value is None:
        return "not recorded"
    return value[:DIGITS] if isinstance(value, str) else f"{value:,}"


def same_record(results: Results, treated: str, control: str, metric: str) -> bool:
    """Whether two arms have one and the same result at every seed that both have: then nothing is compared."""
    return all(shared_paths(results, treated, control, stage) for stage in STAGES_OF[metric])


def share_a_training(results: Results, treated: str, control: str) -> bool:
    """Whether two arms have one and the same training at every seed that both have."""
    return shared_paths(results, treated, control, "train")


def shared_paths(results: Results, treated: str, control: str, stage: str) -> bool:
    """Whether the records of a stage are the same files at every seed that both arms have; False without any."""
    ours, theirs = (paths(results, variant, stage) for variant in (treated, control))
    shared = [seed for seed in ours if seed in theirs]
    return bool(shared) and all(ours[seed] == theirs[seed] for seed in shared)


def paths(results: Results, variant: str, stage: str) -> dict[int, str]:
    """Where the records of a stage of an arm are, by seed."""
    runs = results.manifest["runs"]
    return {run["seed"]: run[stage] for run in runs if run["variant"] == variant and run.get(stage)}


def mixed_notes(results: Results) -> Iterator[str]:
    """Say where the seeds of an arm were not scored alike, so that its mean and spread mix what does not belong."""
    for variant in results.runs:
        for stage in SCORING_STAGES:
            first, *others = [*bases(results, variant, stage).values()] or [{}]
            found = dict.fromkeys(text for other in others for text in differing(first, other))
            if found:
                yield f"{variant}, {stage}: its seeds were not scored alike ({', '.join(found)}); its mean mixes them."
