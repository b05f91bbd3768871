"""The typed settings as a JSON schema for editors and as a page of documentation; both are generated files.

`python -m flowgolf.study.docs` writes config/schema.json and docs/configuration.md.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from flowgolf.settings import AS_BEFORE
from flowgolf.study.errors import blocks_in
from flowgolf.study.extends import KEY, NAMED
from flowgolf.study.settings import StudySettings

NULL = {"type": "null"}
ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "config" / "schema.json"
PAGE = ROOT / "docs" / "configuration.md"
HEADER = """# Configuration

Generated from the typed settings by `python -m flowgolf.study.docs`; a test fails when it is out of date.
`config/config.yaml` says at each key when to change it; this page says what it means.
A variant is written as its difference from `base`: blocks merge key by key, `null` turns a part off.
A study may be written as its difference from another one: `extends: FILE` on the top level, relative to the file that
says it. Blocks merge key by key; `null` removes a variant, sweep or import that is inherited; another `data.source`
replaces the block. The whole study lies in `results/<study>/study.yaml`.
"""


def schema_text() -> str:
    """JSON schema of a study file; in `variants` every key of a run is optional."""
    schema = StudySettings.model_json_schema()
    definitions = schema["$defs"]
    for name in reachable("RunSettings", definitions):
        partial = json.loads(json.dumps(definitions[name]).replace("#/$defs/", "#/$defs/Partial"))
        partial.pop("required", None)
        definitions[f"Partial{name}"] = partial
    schema["properties"]["variants"]["additionalProperties"] = {"$ref": "#/$defs/PartialRunSettings"}
    allow_extending(schema)
    return json.dumps(for_editors(schema), indent=1, sort_keys=True) + "\n"


def for_editors(schema: Any) -> Any:
    """A schema without what only the program reads."""
    if isinstance(schema, dict):
        return {key: for_editors(each) for key, each in schema.items() if key != AS_BEFORE}
    return [for_editors(each) for each in schema] if isinstance(schema, list) else schema


def allow_extending(schema: dict[str, Any]) -> None:
    """Let a study that says `extends` leave out what it inherits, and remove named entries with null."""
    properties = schema["properties"]
    properties["extends"] = {"type": "string", "description": "A study that this one is the difference from."}
    properties["base"] = {"anyOf": [properties["base"], {"$ref": "#/$defs/PartialRunSettings"}]}
    for block in NAMED:
        properties[block]["additionalProperties"] = {"anyOf": [properties[block]["additionalProperties"], NULL]}
    schema |= {"if": {"required": [KEY]}, "then": {}, "else": {"required": schema.pop("required")}}


def reachable(name: str, definitions: dict[str, Any]) -> list[str]:
    """A definition and all that it refers to."""
    found: list[str] = []
    pending = [name]
    while pending:
        current = pending.pop()
        if current not in found:
            found.append(current)
            text = json.dumps(definitions[current])
            pending.extend(other for other in definitions if f'"#/$defs/{other}"' in text)
    return found


def page_text() -> str:
    """The documentation page: a section for every block, a row for every key."""
    return HEADER + "".join(section for section in sections(StudySettings, "study"))


def sections(block: type[BaseModel], path: str) -> Iterator[str]:
    """The section of a block and those of the blocks inside it, in the order of the settings."""
    rows = "".join(row(name, block, path) for name in block.model_fields)
    purpose = (block.__doc__ or "").strip()
    yield f"\n## `{path}`\n\n{purpose}\n\n| key | type | default | meaning |\n|---|---|---|---|\n{rows}"
    for name, field in block.model_fields.items():
        named = name if path == "study" else f"{path}.{name}"
        inner = list(blocks_in(field.annotation))
        for each in inner:
            yield from sections(each, named if len(inner) == 1 else f"{named} ({tag(each)})")
        if get_origin(field.annotation) is dict:
            for each in blocks_in(get_args(field.annotation)[1]):
                yield from sections(each, f"{named}.NAME")


def tag(block: type[BaseModel]) -> str:
    """How a member of a tagged union is chosen: `source: sample`."""
    name = next(name for name, field in block.model_fields.items() if get_origin(field.annotation) is Literal)
    return f"{name}: {block.model_fields[name].default}"


def row(name: str, block: type[BaseModel], path: str) -> str:
    """One key: type, default and meaning."""
    field = block.model_fields[name]
    if field.default is PydanticUndefined:
        default = "required"
    elif isinstance(field.default, BaseModel):
        default = "on"
    else:
        default = f"`{json.dumps(deepcopy(field.default))}`"
    return f"| `{name}` | {type_text(block, name)} | {default} | {' '.join((field.description or '').split())} |\n"


def type_text(block: type[BaseModel], name: str) -> str:
    """A key's type and bounds as its JSON schema states them."""
    schema = block.model_json_schema()["properties"][name]
    choices = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return " or ".join(dict.fromkeys(choice_text(choice) for choice in choices))


def choice_text(choice: dict[str, Any]) -> str:
    """One alternative of a type: `integer >= 1`, `'max', 'search'`, `block`."""
    if "enum" in choice:
        return ", ".join(f"`{value}`" for value in choice["enum"])
    if "const" in choice:
        return f"`{choice['const']}`"
    if "$ref" in choice or "allOf" in choice:
        return "block"
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {choice[key]:,}" for key, sign in signs.items() if key in choice]
    kind = choice.get("type", "any")
    if kind == "array":
        kind = f"list of {choice['items'].get('type', 'value')}s"
    return " ".join([kind, ", ".join(bounds)]).strip()


if __name__ == "__main__":
    SCHEMA.write_text(schema_text())
    PAGE.write_text(page_text())
