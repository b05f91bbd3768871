"""`extends: FILE`: a study that is written as its difference from another."""

from pathlib import Path
from typing import Any

from flowgolf.study.errors import ConfigError, nearest_key, read_yaml
from flowgolf.study.merge import merge

KEY = "extends"
NAMED = ("variants", "sweeps", "imports", "claims")
"""Blocks of named entries, in which null removes what is inherited."""


def whole(config: dict[str, Any], files: list[str | Path]) -> dict[str, Any]:
    """A configuration together with all that it extends, and without `extends`.

    `files` are those it was read from; the last of them that has `extends` says which folder the path starts from.
    ConfigError for a file that extends itself, one that cannot be read, and null for what is not inherited.
    """
    if KEY not in config:
        return config
    says = [Path(path) for path in files if KEY in read_yaml(path)]
    return extended(config, says[-1] if says else Path("configuration"), ())


def extended(config: dict[str, Any], path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    """The configuration of the file `path`, which those `below` it extend, with what it extends itself."""
    if KEY not in config:
        return config
    own = {key: value for key, value in config.items() if key != KEY}
    if not isinstance(config[KEY], str):
        raise ConfigError(str(path), [f"{KEY}: input should be the path of a study, found {config[KEY]!r}"])
    parent, chain = path.parent / config[KEY], (*below, path)
    if parent.resolve() in [each.resolve() for each in chain]:
        circle = " -> ".join(str(each) for each in (*chain, parent))
        raise ConfigError(str(path), [f"{KEY}: goes round in a circle: {circle}"])
    if not parent.is_file():
        raise ConfigError(str(path), [f"{KEY}: no file {parent}; the path starts from the folder of {path.name}"])
    return combined(extended(read_yaml(parent), parent, chain), own, path)


def combined(inherited: dict[str, Any], own: dict[str, Any], path: Path) -> dict[str, Any]:
    """Blocks merged key by key; another source of data replaces the block, and null removes a named entry."""
    own_data, data = own.get("data"), inherited.get("data")
    if (
        isinstance(own_data, dict)
        and isinstance(data, dict)
        and own_data.get("source", data.get("source")) != data.get("source")
    ):
        inherited = {key: value for key, value in inherited.items() if key != "data"}
    merged = merge(inherited, own)
    for block in NAMED:
        removed = [name for name, value in (own.get(block) or {}).items() if value is None]
        known = inherited.get(block) or {}
        for name in removed:
            if name not in known:
                hint = f"; did you mean {nearest_key(name, list(known))}?" if known else ""
                raise ConfigError(str(path), [f"{block}.{name}: null removes what is inherited, which it is not{hint}"])
        if removed:
            merged[block] = {name: value for name, value in merged[block].items() if name not in removed}
    return merged
