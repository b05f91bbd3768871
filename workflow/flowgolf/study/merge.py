"""One configuration on top of another. Imports nothing, so that it can be used before the settings are known."""

from typing import Any


def merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """`base` with `override` on top: blocks merge key by key, anything else replaces, null included."""
    merged = dict(base)
    for key, value in override.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
