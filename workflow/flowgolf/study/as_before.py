"""Settings of a record as they identify it: those that came later are left out while they are as before. No torch."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from flowgolf.settings import AS_BEFORE
from flowgolf.study.errors import blocks_in
from flowgolf.study.settings import RunSettings
from flowgolf.study.stages import STAGES


def recorded_settings(stage: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a stage's record without what is as before: records of before and after a new setting agree."""
    block: type[BaseModel] = RunSettings
    for name in STAGES[stage].place:
        block = next(blocks_in(block.model_fields[name].annotation))
    return without_as_before(block, settings)


def without_as_before(block: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one block, and of the blocks in it; what the block does not know stays."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        field = block.model_fields.get(name)
        extra = field.json_schema_extra if field else None
        if isinstance(extra, dict) and AS_BEFORE in extra and value == extra[AS_BEFORE]:
            continue
        inner = next(blocks_in(field.annotation), None) if field else None
        kept[name] = without_as_before(inner, value) if inner and isinstance(value, Mapping) else value
    return kept
