"""What each arm changes from the reference: its settings that are not the reference's."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flowgolf.report.results.collect import Results
from flowgolf.study.stages import STAGES

# where the settings that a stage's record holds stand in the configuration; train records hold `model` and `train`
BLOCKS = {name: "".join(f"{block}." for block in stage.place) for name, stage in STAGES.items()}
TRAIN_BLOCKS = ("model", "train")


def changes_text(results: Results, variant: str) -> str:
    """List what a variant changes from the reference as `key = value, ...`; `nothing` if no setting differs."""
    changes = [change for stage in STAGES for change in stage_changes(results, stage, variant)]
    return ", ".join(changes) or "nothing"


def stage_changes(results: Results, stage: str, variant: str) -> Iterator[str]:
    """List the changed settings of one stage: from the records if both arms have one, else from the configuration."""
    reference = results.manifest["reference"]
    ours, others = recorded(results, stage, variant), recorded(results, stage, reference)
    absent = "not set"
    if ours is None or others is None:
        ours, others = declared(results, stage, variant), declared(results, stage, reference)
        absent = "the baseline's"  # what the configuration's `base` says, which the manifest does not hold
    for key, value in ours.items():
        if key not in others or others[key] != value:
            yield f"{key} = {value if isinstance(value, str) else json.dumps(value)}"
    for key in others:
        if key not in ours and not any(one_holds_other(key, other) for other in ours):
            yield f"{key} = {absent}"


def recorded(results: Results, stage: str, variant: str) -> dict[str, Any] | None:
    """Settings in the record of a variant's first finished seed, by configuration key; None if no seed has finished."""
    settings = results.first(variant, f"{stage}_settings")
    return flat(settings, BLOCKS[stage]) if isinstance(settings, Mapping) else None


def declared(results: Results, stage: str, variant: str) -> dict[str, Any]:
    """Settings of a stage that the configuration declares for a variant as differences from its baseline."""
    block = BLOCKS[stage]
    settings = flat(results.manifest["variants"].get(variant, {}))
    return {
        key: value
        for key, value in settings.items()
        if (key.startswith(block) if block else key.split(".")[0] in TRAIN_BLOCKS)
    }


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted key -> value; an empty block is a value."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[prefix + key] = value
    return result


def one_holds_other(key: str, other: str) -> bool:
    """Whether one of two dotted keys names a block that holds the other: `a.b` and `a.b.c`."""
    return key.startswith(f"{other}.") or other.startswith(f"{key}.")
