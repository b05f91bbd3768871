"""What a reader should know before trusting a figure: tries, repeats, and what the data record warns of."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from flowgolf.files import read_json
from flowgolf.report.results.basis import mixed_notes
from flowgolf.report.results.collect import Results
from flowgolf.study.stages import SCORING_STAGES


def caution_notes(results: Results) -> list[str]:
    """Notes for every table of evaluations."""
    return [*tries_notes(results), *repeats_notes(results), *mixed_notes(results), *data_notes(results)]


def tries_notes(results: Results) -> Iterator[str]:
    """Say for which arms several settings of an evaluation were run on validation (rule 22)."""
    for variant, runs in results.runs.items():
        for stage in SCORING_STAGES:
            most = pd.to_numeric(runs[f"{stage}_tries"]).max()
            if most > 1:
                yield (
                    f"{variant}, {stage}: {most:.0f} settings of this evaluation were run on validation with its "
                    "artifacts; if this one was chosen for its figure, the figure is too good."
                )


def repeats_notes(results: Results) -> Iterator[str]:
    """Say how many training documents were found in validation too (rule 10)."""
    found = pd.Series([pd.to_numeric(results.frame[f"{stage}_repeats"]).max() for stage in SCORING_STAGES]).max()
    if found > 0:
        yield (
            f"{found:,.0f} training documents have the tokens of a validation document, as data.max_repeats tolerates: "
            "validation is not unseen."
        )


def data_notes(results: Results) -> Iterator[str]:
    """Pass on what the records of the data warn of."""
    paths = dict.fromkeys(run["data"] for run in results.manifest["runs"] if run.get("data"))
    for path in map(Path, paths):
        if path.exists():
            yield from (f"Data, {warning}." for warning in read_json(path).get("warnings", []))
