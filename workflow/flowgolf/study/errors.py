"""Turns what pydantic and YAML say about a configuration into sentences with an address and a suggestion."""

import difflib
import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError


class ConfigError(ValueError):
    """What is wrong with a configuration file, one sentence a line."""

    def __init__(self, source: str, problems: list[str]) -> None:
        """`source` is the file; each problem begins with its key path."""
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


class UniqueKeyLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, where the plain loader would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; a repeated key is a ConstructorError that names key and line."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.constructor.ConstructorError(problem=f"'{key}' stands twice (again on line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> Any:
    """Content of a YAML file; one that is none, or that names a key twice, is a ConfigError."""
    try:
        return yaml.load(Path(path).read_text(), UniqueKeyLoader)  # noqa: S506 - a subclass of the safe loader
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read ({error.strerror})"]) from None
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(str(path), [str(error.problem)]) from None
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [f"not YAML ({' '.join(str(error).split())})"]) from None


def sentences(error: ValidationError, root: type[BaseModel], prefix: str = "") -> list[str]:
    """One sentence for each problem, beginning with its key path below `prefix`."""
    keys = list(setting_keys(root))
    return [sentence(dict(each), keys, prefix) for each in error.errors()]


def sentence(problem: dict[str, Any], keys: list[str], prefix: str) -> str:
    """What was given, where, and what is accepted."""
    path = dotted(problem["loc"], keys)
    address = ".".join(part for part in (prefix, path) if part)
    given = problem["input"]
    if problem["type"] == "extra_forbidden":
        return f"{address}: unknown key; did you mean {nearest_key(path, keys)}?"
    if problem["type"] == "missing":
        return f"{address}: missing"
    if problem["type"] == "union_tag_invalid":
        tag = problem["ctx"]["discriminator"].strip("'")
        return f"{address}.{tag}: '{problem['ctx']['tag']}' is not one of {problem['ctx']['expected_tags']}"
    if problem["type"] == "union_tag_not_found":
        return f"{address}.{problem['ctx']['discriminator'].strip(chr(39))}: missing"
    if problem["type"] == "value_error":
        text = str(problem["ctx"]["error"])
        separator = "." if re.match(r"[\w.]+: ", text) else ": "
        return f"{address}{separator}{text}" if address else text
    hint = ""
    if isinstance(given, str) and problem["type"] in ("float_type", "int_type") and is_number(given):
        hint = f"; YAML reads {given} as text, write {float(given)!r} or with a point, as in 3.0e-4"
    return f"{address}: {problem['msg'][0].lower()}{problem['msg'][1:]}, found {given!r}{hint}"


def is_number(text: str) -> bool:
    """Whether a text spells a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def dotted(location: tuple[int | str, ...], keys: list[str]) -> str:
    """A pydantic location as a key path; the tag of a tagged union is not a key and is left out."""
    known = {part for key in keys for part in key.split(".")}
    tags = {part for part in location[:-1] if isinstance(part, str) and part not in known}
    in_tagged_block = bool(location) and location[0] == "data"
    return ".".join(str(part) for part in location if not (in_tagged_block and part in tags))


def nearest_key(given: str, known: list[str]) -> str:
    """The known key most like the given one: the same block first, whole paths next."""
    parent, _, leaf = given.rpartition(".")
    siblings = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == parent}
    close = difflib.get_close_matches(leaf, siblings, n=1, cutoff=0.6)
    if close:
        return close[0]
    leaves = [key for key in known if key.rpartition(".")[2] == leaf]
    return (leaves or difflib.get_close_matches(given, known, n=1, cutoff=0.0))[0]


def setting_keys(block: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key path below a settings class, blocks and their keys."""
    for name, field in block.model_fields.items():
        path = f"{prefix}{name}"
        yield path
        seen: set[str] = set()
        for inner in blocks_in(field.annotation):
            for key in setting_keys(inner, f"{path}."):
                if key not in seen:
                    seen.add(key)
                    yield key


def blocks_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The settings classes that a type may hold directly: itself, or the members of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated):
        for part in get_args(annotation):
            yield from blocks_in(part)
