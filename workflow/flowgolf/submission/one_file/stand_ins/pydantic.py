"""Stand-in for pydantic inside the generated train_gpt.py: the calls that the package makes, and types checked.

Bounds of numbers are not checked again: the settings in the file were, by pydantic, when the study was read.
"""

import json
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

ConfigDict = dict
MISSING = object()
Validator = TypeVar("Validator", bound=Callable[..., Any])


class ValidationError(ValueError):
    """A value that does not fit its field."""

    def __init__(self, place: str, message: str) -> None:
        """`place` is the field."""
        super().__init__(f"{place}: {message}")
        self.place, self.message = place, message

    def errors(self) -> list[dict[str, Any]]:
        """The one problem, in pydantic's form."""
        return [{"loc": (self.place,), "msg": self.message}]


def Field(default: Any = MISSING, **bounds: Any) -> Any:  # noqa: N802 - pydantic's name
    """The default of a field, which is what stands in its class."""
    return default


def model_validator(mode: str) -> Callable[[Validator], Validator]:
    """Mark a method that is run on every new block."""

    def mark(method: Validator) -> Validator:
        method.is_validator = True  # type: ignore[attr-defined]
        return method

    return mark


class BaseModel:
    """A block of settings."""

    model_fields = {}  # type: ignore[var-annotated] # noqa: RUF012 - an annotation would make it a field

    def __init_subclass__(cls) -> None:
        """Keep the defaults of the fields, as pydantic does with more."""
        cls.model_fields = {name: getattr(cls, name, MISSING) for name in kinds_of(cls)}

    def __init__(self, /, **values: Any) -> None:
        """Take values by name; one that is unknown, missing or of another type is a ValidationError."""
        kinds = kinds_of(type(self))
        for name in values.keys() - kinds.keys():
            raise ValidationError(name, "unknown key")
        for name, kind in kinds.items():
            value = values.get(name, getattr(type(self), name, MISSING))
            if value is MISSING:
                raise ValidationError(name, "missing")
            self.__dict__[name] = conform(value, kind, name)
        for name in dir(type(self)):
            if hasattr(getattr(type(self), name), "is_validator"):
                getattr(self, name)()

    @classmethod
    def model_validate(cls, values: dict[str, Any]) -> Self:
        """A block from a dictionary."""
        return cls(**values)

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """A block from JSON; text that is no object is a ValidationError."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError("", str(error)) from None
        return conform(values, cls, "")  # type: ignore[no-any-return]

    def model_copy(self, update: dict[str, Any]) -> Self:
        """The block with some values replaced, unchecked."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__ | update)
        return copy

    def model_dump(self, mode: str = "python", exclude_defaults: bool = False) -> dict[str, Any]:
        """The values as dictionaries and lists."""
        return {
            name: plain(self.__dict__[name], exclude_defaults)
            for name in kinds_of(type(self))
            if not (exclude_defaults and self.__dict__[name] == getattr(type(self), name, MISSING))
        }

    def model_dump_json(self, exclude_defaults: bool = False) -> str:
        """The values as JSON without spaces."""
        return json.dumps(self.model_dump("json", exclude_defaults), separators=(",", ":"), ensure_ascii=False)


def kinds_of(block: type) -> dict[str, Any]:
    """Fields of a block and of those it extends, with their types."""
    return {
        name: kind for each in reversed(block.__mro__) for name, kind in vars(each).get("__annotations__", {}).items()
    }


def plain(value: Any, exclude_defaults: bool) -> Any:
    """A value with the blocks in it as dictionaries."""
    if isinstance(value, BaseModel):
        return value.model_dump("json", exclude_defaults)
    if isinstance(value, dict):
        return {key: plain(each, exclude_defaults) for key, each in value.items()}
    return [plain(each, exclude_defaults) for each in value] if isinstance(value, list) else value


def conform(value: Any, kind: Any, place: str) -> Any:
    """The value as a field's type asks for it, blocks built from dictionaries; else a ValidationError."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return conform_to_any(value, inner, place)
    if origin is list and isinstance(value, list):
        return [conform(each, inner[0], place) for each in value]
    if origin is Annotated:
        return conform(value, inner[0], place)
    if origin is dict and isinstance(value, dict):
        return {conform(key, inner[0], place): conform(each, inner[1], place) for key, each in value.items()}
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
        return kind(**value)
    if kind is Any or (origin is Literal and value in inner) or (isinstance(kind, type) and fits(value, kind)):
        return float(value) if kind is float else value
    raise ValidationError(place, f"{value!r} is no {kind}")


def conform_to_any(value: Any, kinds: tuple[Any, ...], place: str) -> Any:
    """The value as the first of several types that takes it."""
    for kind in kinds:
        try:
            return conform(value, kind, place)
        except ValidationError as error:
            problem = error
    raise problem


def fits(value: Any, kind: type) -> bool:
    """Whether a value is of a plain type; an integer serves as a float, a truth value is no number."""
    return isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
