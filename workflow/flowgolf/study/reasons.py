"""What differs between a result and what it has to be now: settings key by key, code file by file, inputs, outputs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowgolf import provenance
from flowgolf.data.record import input_digest
from flowgolf.running import origin
from flowgolf.study.expected import Expected
from flowgolf.study.layout import Layout
from flowgolf.study.stages import MADE_FROM, STAGES, calibrates
from flowgolf.study.study import Run, Study
from flowgolf.submission.one_file import bundle


def answers(study: Study, variant: str, stage: str) -> Iterator[tuple[bool, list[str]]]:
    """For each run of a variant: whether its result is up to date, and the lines to print."""
    layout, expected = Layout(study), Expected(study, lambda run, wrapped: bundle.size_bytes(run.model_dump(), wrapped))
    owner = study.owner(stage, variant)
    if owner != variant:
        yield True, [f"{stage} of {variant} is that of {owner}: the same settings"]
    for seed in [run.seed for run in dict.fromkeys(study.runs) if run.variant == variant]:
        found = list(reasons(layout, expected, stage, Run(owner, seed)))
        heading = f"{stage} {owner} seed {seed}"
        if found:
            yield False, [f"{heading} would run:", *(f"  {reason}" for reason in found)]
        else:
            yield True, [f"{heading}: up to date"]


def reasons(layout: Layout, expected: Expected, stage: str, run: Run) -> Iterator[str]:
    """What differs between the result of a stage of a run and what it has to be; nothing when it is up to date."""
    folder = Path(layout.path(stage, MADE_FROM, run)).parent
    made_from = origin.read(layout.path(stage, MADE_FROM, run))
    if made_from is None:
        there = Path(layout.path(stage, "record", run)).exists()
        yield f"{folder} was left by a version that did not say what it is made from" if there else "not made yet"
        return
    yield from changed_settings(made_from["settings"], expected.identity(stage, run.variant))
    sources = provenance.sources(expected.script(stage, run.variant), expected.modules(stage, run.variant))
    yield from changed_code(made_from["code"], sources)
    if made_from["versions"] != expected.versions:
        yield f"versions: {made_from['versions']} -> {expected.versions}"
    for name, path in inputs_of(layout, stage, run).items():
        if made_from["inputs"].get(name) != digest(path, name):
            yield f"input: {name} ({path}) is {'not what it was' if Path(path).exists() else 'not there'}"
    for name, known in made_from["outputs"].items():
        if digest(str(folder / name)) != known:
            yield f"output: {folder / name} is not what was left"


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """A line for each setting that differs: `settings: train.steps 160 -> 200`."""
    old, new = flat(before), flat(now)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"settings: {key} {shown(old, key)} -> {shown(new, key)}"


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted key -> value."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return found


def shown(values: Mapping[str, Any], key: str) -> str:
    """A value as it is printed; a key that is not there was as before it existed."""
    return repr(values[key]) if key in values else "unset"


def changed_code(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """A line for each source that changed, came or went."""
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            what = "changed" if name in before and name in now else "is new" if name in now else "is no longer used"
            yield f"code: {name} {what}"


def inputs_of(layout: Layout, stage: str, run: Run) -> dict[str, str]:
    """Name -> path of what a stage of a run reads, under the names of its rule."""
    study = layout.study
    reads_data = stage != "export" or calibrates(study.variants[run.variant])
    paths = {"data": layout.data} if reads_data else {}
    paths |= {name: layout.path(upstream, output, run) for name, (upstream, output) in STAGES[stage].takes.items()}
    imported = study.settings.imports.get(run.variant)
    if stage == "train" and imported:
        paths["checkpoint"] = imported.checkpoint
    if stage == "export" and study.variants[run.variant].export.plan == "matched":
        paths["plan"] = layout.matched_plan
    return paths


def digest(path: str, name: str = "") -> str | None:
    """SHA-256 of a file, as the input `name` if one is given; None when there is none."""
    return input_digest(name, path) if Path(path).is_file() else None
