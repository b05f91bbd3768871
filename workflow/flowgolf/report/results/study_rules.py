"""Rules 8, 13, 14 and 16 of docs/spec/legality.md, checked where tables are made."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from flowgolf.report.results.changes import flat
from flowgolf.report.results.claims import judged_claims, wanted_seeds
from flowgolf.report.results.collect import Results
from flowgolf.report.results.declared_runs import declared_seeds
from flowgolf.study.stages import SCORING_STAGES, STAGES


def check(results: Results) -> None:
    """Check the rules over all records of a study. Raises ValueError, which names every broken rule."""
    rules = (missing_seeds, unasked_seeds, unequal_settings, missing_plans, mixed_partial)
    problems = [problem for rule in rules for problem in rule(results)]
    if problems:
        raise ValueError("the records break a rule of docs/spec/legality.md: " + "; ".join(problems))


def missing_seeds(results: Results) -> Iterator[str]:
    """Rule 14: say which declared seeds have no run."""
    present = set(zip(results.frame["variant"], results.frame["seed"], strict=True))
    for variant, seeds in declared_seeds(results.manifest).items():
        absent = [str(seed) for seed in seeds if (variant, seed) not in present]
        if absent:
            yield f"variant {variant}: declared seed {', '.join(absent)} is not among the runs (rule 14)"


def unasked_seeds(results: Results) -> Iterator[str]:
    """Rule 14, where claims add seeds: say which arm has more than its claims had asked for when they were decided."""
    rule = results.manifest.get("seed_rule")
    if not rule:
        return
    for arm, count in wanted_seeds(judged_claims(results), rule["most"]).items():
        asked, present = max(count, rule["start"]), len(results.seeds(arm))
        if present > asked:
            yield (
                f"variant {arm}: seed {asked + 1} was added after its claims were decided at {asked} (rule 14); "
                "delete claims.json to begin the rounds again"
            )


def unequal_settings(results: Results) -> Iterator[str]:
    """Rule 13: say which stages of a variant had other settings at another seed."""
    for variant, runs in results.frame.groupby("variant", sort=False):
        for stage in STAGES:
            known = runs[runs[f"{stage}_status"] == "done"]
            settings = [without_seed(flat(value)) for value in known[f"{stage}_settings"]]
            for seed, other in zip(known["seed"].iloc[1:], settings[1:], strict=True):
                key = first_difference(settings[0], other)
                if key is not None:
                    yield (
                        f"variant {variant}, {stage}: {key} is {settings[0].get(key)} at seed {known['seed'].iloc[0]} "
                        f"and {other.get(key)} at seed {seed} (rule 13)"
                    )


def without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the seed out, which differs between the runs of a variant."""
    return {key: value for key, value in settings.items() if key.split(".")[-1] != "seed"}


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first key whose values differ; None if all are equal."""
    return next((key for key in {**one, **other} if one.get(key) != other.get(key)), None)


def missing_plans(results: Results) -> Iterator[str]:
    """Rule 16: say which export records do not give the bit widths of the blocks."""
    for _, run in results.frame[results.frame["export_status"] == "done"].iterrows():
        if not isinstance(run["plan"], Mapping):
            yield f"variant {run['variant']}, seed {run['seed']}: export record without a plan (rule 16)"


def mixed_partial(results: Results) -> Iterator[str]:
    """Rule 8: say which evaluations scored all of the validation set in some runs and a part of it in others."""
    for stage in SCORING_STAGES:
        done = results.frame[results.frame[f"{stage}_status"] == "done"]
        partial = done[done[f"{stage}_partial"].eq(True)]
        if 0 < len(partial) < len(done):
            run = partial.iloc[0]
            yield (
                f"{stage}: variant {run['variant']}, seed {run['seed']} scored a part of the validation set "
                "and others all of it (rule 8)"
            )


def commit_notes(results: Results) -> list[str]:
    """Rule 13: notes for every table if the runs were not all made by the same committed code."""
    columns = [f"{stage}_commit" for stage in STAGES]
    commits = pd.unique(results.frame[columns].melt()["value"].dropna())
    notes = []
    if len(commits) > 1:
        notes.append(f"The runs were made at different commits: {', '.join(sorted(map(str, commits)))}.")
    if any(str(commit).endswith("-dirty") for commit in commits):
        notes.append("Some runs were made with uncommitted changes (-dirty).")
    return notes
