"""Turns what pydantic and YAML say about a configuration into sentences with an address and a suggestion."""

import difflib
import math
import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

LARGEST = 2**63 - 1
"""What seeds and counts are kept in ends there: 64 bits."""


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


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Keys and values of a YAML file; one that is none, or that names a key twice, is a ConfigError with the line."""
    try:
        content = yaml.load(Path(path).read_text(), UniqueKeyLoader)  # noqa: S506 - a subclass of the safe loader
    except FileNotFoundError:
        raise ConfigError(str(path), ["no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read ({getattr(error, 'strerror', None) or error})"]) from None
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(str(path), [str(error.problem)]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(str(path), [yaml_problem(error)]) from None
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [f"not YAML ({' '.join(str(error).split())})"]) from None
    if not isinstance(content, dict):
        found = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise ConfigError(str(path), [f"{found}; a study is keys and values, as in config/config.yaml"])
    return content


def yaml_problem(error: yaml.MarkedYAMLError) -> str:
    """Where a file stops being YAML, and why."""
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    if "'\\t'" in str(error.problem):
        return f"{place}a tab; YAML indents with spaces"
    context = f" ({error.context}, which begins on line {error.context_mark.line + 1})" if error.context_mark else ""
    return f"{place}not YAML: {error.problem}{context}"


def number_problems(value: Any, path: str = "") -> Iterator[str]:
    """A sentence for each number, anywhere in a configuration, that no setting can take."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from number_problems(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from number_problems(each, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is no number that a setting takes"
    elif isinstance(value, int) and abs(value) > LARGEST:
        yield f"{path}: {value} is too large; whole numbers end at 2^63 - 1"


def sentences(error: ValidationError, root: type[BaseModel], prefix: str = "") -> list[str]:
    """One sentence for each problem, beginning with its key path below `prefix`."""
    keys = list(setting_keys(root))
    return [sentence(dict(each), keys, prefix) for each in error.errors()]


def sentence(problem: dict[str, Any], keys: list[str], prefix: str) -> str:
    """What was given, where, and what is accepted."""
    path = dotted(problem["loc"], keys)
    address = ".".join(part for part in (prefix, path) if part)
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
    return f"{address}: {phrase(problem)}"


def phrase(problem: dict[str, Any]) -> str:
    """What is wrong with a value, and how it is written."""
    given, kind = problem["input"], problem["type"]
    if kind == "string_pattern_mismatch":
        return f"'{given}' is no name: letters, digits and _ . + = - only, the first of them a letter, a digit or _"
    if given is None and kind == "dict_type":
        return "null is nothing to differ by; write {}, or leave it out"
    return f"{problem['msg'][0].lower()}{problem['msg'][1:]}, found {given!r}{number_hint(problem)}"


def number_hint(problem: dict[str, Any]) -> str:
    """How to write a number that YAML read as text; empty for any other problem."""
    given = problem["input"]
    if not isinstance(given, str) or problem["type"] not in ("float_type", "int_type") or not is_number(given):
        return ""
    if re.fullmatch(r"[+-]?\d+", given):
        return f"; write {int(given)} without quotes"
    if problem["type"] == "float_type":
        return f"; YAML reads {given} as text, write {float(given)!r} or with a point, as in 3.0e-4"
    return f"; write {int(float(given))}" if float(given).is_integer() else ""


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
    if location[:1] == ("seeds",):
        return ".".join(str(part) for part in location if part not in ("list", "rule"))
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
