"""What data.json says about one part of the data."""

from typing import Any


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
