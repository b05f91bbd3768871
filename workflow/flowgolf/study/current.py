"""Whether a result that lies on disk is the one that the study asks for now. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgolf import files
from flowgolf.data.record import content_digest
from flowgolf.study.stages import STAGES


def outdated(run: Mapping[str, Any], stage: str) -> str:
    """Say why a result must not be counted; empty when it may be.

    `run` is an entry of the manifest. The result must be made with the settings and the code of now, from the files of
    now, which must themselves be current, and must still be what was left. An entry that does not say what is expected
    (figures of a published study) is believed.
    """
    if "expected" not in run:
        return ""
    made_from = origin(run, stage)
    if made_from is None:
        return "made by a version that did not say of what"
    if changed := changed_label(str(made_from["label"]), run["expected"][stage]):
        return f"other {changed}"
    record = Path(run[stage])
    if not record.is_file():
        return f"{record.name} is gone"
    if made_from["outputs"].get(record.name) != files.sha256(record):
        return f"{record.name} was changed after it was made"
    return outdated_inputs(run, stage, made_from)


def outdated_inputs(run: Mapping[str, Any], stage: str, made_from: Mapping[str, Any]) -> str:
    """The same for what a result was made from: upstream results, and the data."""
    for name, (upstream, output) in STAGES[stage].takes.items():
        made = origin(run, upstream)
        if made is None or outdated(run, upstream):
            return f"{upstream} is outdated" if made else f"{upstream} is gone"
        if made["outputs"].get(STAGES[upstream].outputs[output]) != made_from["inputs"].get(name):
            return f"made from another {name}"
    data = made_from["inputs"].get("data")
    if data is not None and Path(run["data"]).exists() and content_digest(run["data"]) != data:
        return "made from other data"
    return ""


def origin(run: Mapping[str, Any], stage: str) -> dict[str, Any] | None:
    """What a result says that it was made from; None when it does not say."""
    try:
        return files.read_json(run["made_from"][stage])
    except (OSError, ValueError):
        return None


def changed_label(before: str, now: str) -> str:
    """Which parts of two labels differ: `settings`, `code`, `versions`; see `provenance.label`."""
    one, other = (dict(part.split(" ", 1) for part in label.split(", ")) for label in (before, now))
    return " and ".join(name for name in other if one.get(name) != other[name])
