"""The manifest of a study, runs.json: which declared run finds its records where, and what they must be made from."""

from collections.abc import Callable
from typing import Any

from flowgolf.study.layout import Layout
from flowgolf.study.stages import MADE_FROM, STAGES
from flowgolf.study.study import Run

Expected = Callable[[str, str], str]
"""(stage, variant) -> the short text that a present result's `made_from.json` bears; see `Origin.label`."""


def manifest(layout: Layout, expected: Expected) -> dict[str, Any]:
    """The manifest as JSON values: equal settings share their files, so some runs have several names."""
    study = layout.study
    points = study.sweep_variants()
    sweeps = {
        name: {**sweep.model_dump(mode="json"), "variants": points[name]}
        for name, sweep in study.settings.sweeps.items()
    }
    return {
        "study": study.settings.name,
        "question": study.settings.question,
        "seeds": study.seeds_of(),
        "seed_rule": study.rule and study.rule.model_dump(),
        "claims": {name: claim.model_dump() for name, claim in study.settings.claims.items()},
        **study.settings.report.model_dump(mode="json"),
        "matched": [name for name, _ in study.matched_overrides()],
        "variants": study.overrides,
        "sweeps": sweeps,
        "runs": [located(layout, run, expected) for run in dict.fromkeys(study.runs)],
    }


def located(layout: Layout, run: Run, expected: Expected) -> dict[str, Any]:
    """One run of the manifest.

    `<stage>` and `<stage>_csv` are paths of records and curves; `made_from`, `expected`, `failed` and `state` have an
    entry a stage.
    """
    entry: dict[str, Any] = {"variant": run.variant, "seed": run.seed}
    for name, stage in STAGES.items():
        entry[name] = layout.path(name, "record", run)
        if stage.curve:
            entry[f"{name}_csv"] = layout.path(name, stage.curve, run)
    labels = {name: expected(name, layout.study.owner(name, run.variant)) for name in STAGES}
    return {
        **entry,
        "data": layout.data,
        "made_from": {name: layout.path(name, MADE_FROM, run) for name in STAGES},
        "expected": labels,
        "failed_data": [f"{layout.results}/failed/{name}.json" for name in ("tokenizer", "tokens")],
        "failed": {name: layout.failure(name, run) for name in STAGES},
        "state": {name: layout.state(name, run, labels[name]) for name, stage in STAGES.items() if stage.resumes},
    }
