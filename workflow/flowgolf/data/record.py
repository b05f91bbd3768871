"""What data.json says about one part of the data, and what of it identifies the data."""

import hashlib
import json
from pathlib import Path
from typing import Any

from flowgolf import files

PARTS = ("train", "validation")


def part_record(
    shards: list[dict[str, Any]], documents: int, bytes_scored: int, bytes_original: int | None
) -> dict[str, Any]:
    """Record of a part: shards (path, tokens, sha256) and counts; `bytes_original` is None for unknown text."""
    num_tokens = sum(shard["tokens"] for shard in shards)
    return {
        "shards": shards,
        "documents": documents,
        "tokens": num_tokens,
        "bytes_scored": bytes_scored,
        "bytes_original": bytes_original,
        "tokens_per_byte": num_tokens / bytes_scored if bytes_scored else None,
    }


def content_digest(data_json_path: str | Path) -> str:
    """SHA-256 (hex) of what data.json says of content: tokens, counts, tokenizer. Not of where the files lie.

    The same data in a clone at another depth, or under another name of their source, are the same data. Of a file that
    is no data record the bytes count.
    """
    try:
        record = files.read_json(data_json_path)
        parts = {part: {**record[part], "shards": without_paths(record[part]["shards"])} for part in PARTS}
        content = {**parts, "tokenizer": without_paths([record["tokenizer"]])}
    except (ValueError, KeyError, TypeError, AttributeError):
        return files.sha256(data_json_path)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def without_paths(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of files without their paths."""
    return [{key: value for key, value in entry.items() if key != "path"} for entry in entries]


def input_digest(name: str, path: str | Path) -> str:
    """SHA-256 (hex) of the input `name` of a stage: of its bytes, and of `data` that of the content it lists."""
    return content_digest(path) if name == "data" else files.sha256(path)
