"""Ready shards and their tokenizer, found in a folder: a data record without a study around it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowgolf.data.byte_count import load_processor
from flowgolf.data.shards import map_shard
from flowgolf.files import sha256

PATTERNS = {"train": "*_train_*.bin", "validation": "*_val_*.bin"}


def folder_record(
    folder: str | Path, parts: Sequence[str], vocab_size: int, tokenizer: str | Path | None = None
) -> dict[str, Any]:
    """Record of the tokenizer of `vocab_size` pieces and of the `parts` (train, validation) in a folder or below it.

    The tokenizer may lie elsewhere, and be named. Paths are absolute; shards are in the order of their names.
    ValueError unless there is exactly one such tokenizer, and for each part exactly one folder with shards.
    """
    folder = Path(folder).resolve()
    candidates = sorted(folder.rglob("*.model")) if tokenizer is None else [Path(tokenizer).resolve()]
    models = [path for path in candidates if load_processor(path).vocab_size() == vocab_size]
    if tokenizer is not None and not models:
        found = load_processor(candidates[0]).vocab_size()
        raise ValueError(f"{candidates[0]}: a tokenizer of {vocab_size} pieces is expected, this one has {found}")
    if len(models) != 1:
        wanted = f"one SentencePiece .model of {vocab_size} pieces"
        raise ValueError(f"{folder}: {wanted} is expected here or below, found {named(models, folder)}")
    record: dict[str, Any] = {
        "tokenizer": {"path": str(models[0]), "vocab_size": vocab_size, "sha256": sha256(models[0])}
    }
    for part in parts:
        shards = sorted(folder.rglob(PATTERNS[part]))
        folders = sorted({path.parent for path in shards})
        if len(folders) != 1:
            wanted = f"shards named {PATTERNS[part]} are"
            raise ValueError(
                f"{folder}: {wanted} expected in one folder, here or below, found {named(folders, folder)}"
            )
        listed = [{"path": str(path), "tokens": len(map_shard(path)), "sha256": sha256(path)} for path in shards]
        record[part] = {"shards": listed, "tokens": sum(shard["tokens"] for shard in listed)}
    return record


def named(paths: Sequence[Path], folder: Path) -> str:
    """Paths below a folder, in words."""
    return ", ".join(str(path.relative_to(folder)) for path in paths) or "none"
