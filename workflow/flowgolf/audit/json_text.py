"""JSON from strangers: bounded, with the line of every value, and with what Python's reader lets pass in silence."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flowgolf.audit.finding import Finding, Place, error
from flowgolf.audit.number import Number, parse

MOST_DEPTH = 40
MOST_CHARACTERS = 1_000_000
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|\n')
Keys = tuple[str, ...]
Value = Number | str | bool | None


@dataclass
class Document:
    """A JSON object: its leaves in order, and what is wrong with its text."""

    name: str
    leaves: dict[Keys, tuple[Value, Place]] = field(default_factory=dict)
    """Path of keys (list items by their number) -> value and its line; empty when the text could not be read."""
    lists: set[Keys] = field(default_factory=set)
    """Paths of the lists: the keys of their items are numbers, not names."""
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, why: str, line: int | None) -> "Document":
        """The document with the reason why it cannot be read."""
        self.findings.append(error("json", why, Place(self.name, line)))
        return self


def read(name: str, text: str) -> Document:
    """Read a JSON object; anything wrong with it is a finding, never an exception."""
    document = Document(name)
    if len(text) > MOST_CHARACTERS:
        return document.refuse(f"longer than {MOST_CHARACTERS:,} characters, which no submission is; not read", None)
    if (line := too_deep(text)) is not None:
        return document.refuse(f"nested deeper than {MOST_DEPTH}; not read", line)
    try:
        content = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, strict=False)
    except json.JSONDecodeError as problem:
        return document.refuse(f"not readable as JSON: {problem.msg}", problem.lineno)
    if not isinstance(content, dict):
        return document.refuse("an object was expected", 1)
    for keys, token, line in leaves(text, document):
        place = Place(name, line)
        document.leaves[keys] = (value_of(token, place), place)
        if token in ("NaN", "Infinity", "-Infinity"):
            document.findings.append(error("json", f"{'.'.join(keys)} is {token}, which is no number", place))
    return document


def too_deep(text: str) -> int | None:
    """The line where brackets nest deeper than MOST_DEPTH; Python's own reader would exhaust its stack."""
    depth, line, quoted, escaped = 0, 1, False, False
    for character in text:
        line += character == "\n"
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        else:
            depth += (character in "{[") - (character in "}]")
            if depth > MOST_DEPTH:
                return line
    return None


def value_of(token: str, place: Place) -> Value:
    """The value of a leaf's token."""
    if token.startswith('"'):
        return str(json.loads(token, strict=False))
    if token in ("true", "false"):
        return token == "true"
    return None if token == "null" else parse(token, place)


def leaves(text: str, document: Document) -> Iterator[tuple[Keys, str, int]]:
    """(path, token, line) of every leaf of a text that is valid JSON; a key that stands twice is a finding."""
    path: list[str] = []
    seen: list[set[str] | None] = []  # keys of each open object, None for a list
    line, key_next = 1, False
    for match in TOKEN.finditer(text):
        token = match.group()
        line += token.count("\n")
        if token in "{[":
            seen.append(set() if token == "{" else None)
            if token == "[":
                document.lists.add(tuple(path))
            path.append("0")
            key_next = token == "{"
        elif token in "}]":
            seen.pop()
            path.pop()
        elif token == ",":
            key_next = seen[-1] is not None
            path[-1] = path[-1] if key_next else str(int(path[-1]) + 1)
        elif key_next and token.startswith('"'):
            path[-1], key_next = str(json.loads(token, strict=False)), False
            if (keys := seen[-1]) is not None and path[-1] in keys:
                document.findings.append(
                    error("json", f"the key {'.'.join(path)} stands twice", Place(document.name, line))
                )
            elif keys is not None:
                keys.add(path[-1])
        elif token not in (":", "\n"):
            yield tuple(path), token, line
