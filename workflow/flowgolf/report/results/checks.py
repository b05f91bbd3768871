"""Rules 8, 13, 14 and 16 of docs/spec/legality.md, checked where tables are made."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.manifest import STAGES, declared_seeds


def check(results: Results) -> None:
    """Refuse to make a table from records that break a rule; the ValueError names every broken one."""
    problems = [*missing_seeds(results), *unequal_settings(results), *missing_plans(results), *mixed_partial(results)]
    if problems:
        raise ValueError("results cannot be tabled: " + "; ".join(problems))


def missing_seeds(results: Results) -> Iterator[str]:
    """Rule 14: declared seeds that are not in the frame."""
    present = set(zip(results.frame["variant"], results.frame["seed"], strict=True))
    for variant, seeds in declared_seeds(results.manifest).items():
        absent = [str(seed) for seed in seeds if (variant, seed) not in present]
        if absent:
            yield f"variant {variant}: declared seed {', '.join(absent)} is not among the runs (rule 14)"


def unequal_settings(results: Results) -> Iterator[str]:
    """Rule 13: stages of a variant whose settings differ between seeds."""
    for variant, runs in results.frame.groupby("variant", sort=False):
        for stage in STAGES:
            known = runs[runs[f"{stage}_status"] == "done"]
            settings = [flat(value) for value in known[f"{stage}_settings"]]
            for seed, other in zip(known["seed"].iloc[1:], settings[1:], strict=True):
                key = first_difference(settings[0], other)
                if key is not None:
                    yield (
                        f"variant {variant}, {stage}: {key} is {settings[0].get(key)} at seed {known['seed'].iloc[0]} "
                        f"and {other.get(key)} at seed {seed} (rule 13)"
                    )


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted key -> value; the seed itself is left out."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        elif key != "seed":
            result[prefix + key] = value
    return result


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first key whose values differ; None when all are equal."""
    return next((key for key in {**one, **other} if one.get(key) != other.get(key)), None)


def missing_plans(results: Results) -> Iterator[str]:
    """Rule 16: exported runs whose record does not say the bit widths."""
    for _, run in results.frame[results.frame["export_status"] == "done"].iterrows():
        if not isinstance(run["plan"], Mapping):
            yield f"variant {run['variant']}, seed {run['seed']}: export record without a plan (rule 16)"


def mixed_partial(results: Results) -> Iterator[str]:
    """Rule 8: evaluations of which some runs scored everything and others only a part."""
    for stage in ("sliding", "legal_ttt"):
        done = results.frame[results.frame[f"{stage}_status"] == "done"]
        partial = done[done[f"{stage}_partial"].eq(True)]
        if 0 < len(partial) < len(done):
            run = partial.iloc[0]
            yield (
                f"{stage}: variant {run['variant']}, seed {run['seed']} scored a part of the validation set "
                "and others all of it (rule 8)"
            )


def commit_notes(results: Results) -> list[str]:
    """Rule 13: what the tables must say when the runs were not all made by one committed state of the code."""
    columns = [f"{stage}_commit" for stage in STAGES]
    commits = pd.unique(results.frame[columns].melt()["value"].dropna())
    notes = []
    if len(commits) > 1:
        notes.append(f"The runs were made at different commits: {', '.join(sorted(map(str, commits)))}.")
    if any(str(commit).endswith("-dirty") for commit in commits):
        notes.append("Some runs were made with uncommitted changes (-dirty).")
    return notes
