"""The base of every settings block: strict, closed and immutable; imports no torch."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A block of the configuration. Unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
