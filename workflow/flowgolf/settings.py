"""The base of every settings block: strict, closed and immutable; imports no torch."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

AS_BEFORE = "as_before"


class Settings(BaseModel):
    """A block of the configuration. Unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def added(default: Any, *, as_before: Any = None, **bounds: Any) -> Any:
    """A field that came after results existed: at the value `as_before` the code does what it did without it.

    While it has that value it is left out of what results are identified by, so finished studies stay finished.
    """
    return Field(default, json_schema_extra={AS_BEFORE: as_before}, **bounds)


def identity(block: Settings) -> dict[str, Any]:
    """The values of a block that decide what it makes, as JSON values: `added` fields are left out while as before."""
    return {
        name: plain(getattr(block, name))
        for name, field in type(block).model_fields.items()
        if not (isinstance(extra := field.json_schema_extra, dict) and AS_BEFORE in extra)
        or getattr(block, name) != extra[AS_BEFORE]
    }


def plain(value: Any) -> Any:
    """A value with the blocks in it as dictionaries."""
    if isinstance(value, Settings):
        return identity(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value
