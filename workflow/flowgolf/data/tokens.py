"""Rule tokens: every source to shards and the record of them, data.json (docs/spec/data.md, D7)."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgolf.data.byte_count import load_processor
from flowgolf.data.dataset import Dataset
from flowgolf.data.hub import files_of_the_hub
from flowgolf.data.ready import ready_record
from flowgolf.data.repeats import repeats
from flowgolf.data.settings import DataSettings, HubData, SampleData, TextData
from flowgolf.data.source_files import shard_paths
from flowgolf.data.tokenize_run import TokenizeRun
from flowgolf.data.tokenizer import check_vocab_size
from flowgolf.files import sha256, write_json


def tokens(
    settings: DataSettings,
    tokenizer_model: str | Path,
    data_json_path: str | Path,
    shards_dir: str | Path,
    state_dir: str | Path,
    *,
    num_workers: int = 1,
    hub_record: str | Path | None = None,
) -> None:
    """Write data.json, and for a source of text the shards it lists.

    Work in progress lives in `state_dir`: after an interruption the same call goes on from there, and the folder is
    gone at the end. Ready shards (sources `shards`, `hub`) are checked and listed where they are; with `hub_record`,
    the JSON that rule download left, the hub is not asked. The result does not depend on `num_workers`. ValueError for
    text, shards or a tokenizer that cannot be used, for an empty part, and for more training documents with the tokens
    of a validation document than `max_repeats` allows (rule 10).
    """
    folder = Path(data_json_path).parent
    processor = load_processor(tokenizer_model)
    if isinstance(settings, SampleData | TextData):
        check_vocab_size(processor, settings.tokenizer.vocab_size, tokenizer_model)
        record = TokenizeRun(settings, Path(tokenizer_model), Path(state_dir)).finish(num_workers, Path(shards_dir))
    else:
        check_vocab_size(processor, settings.vocab_size, tokenizer_model)
        if isinstance(settings, HubData):
            fetched = files_of_the_hub(settings, hub_record)
            train, validation = ([Path(path) for path in fetched[part]] for part in ("train", "validation"))
            record = ready_record(train, validation, tokenizer_model)
            record["revision"] = fetched["commit"]
        else:
            train, validation = (shard_paths(settings, part) for part in ("train", "val"))
            record = ready_record(train, validation, tokenizer_model)
    for part in ("train", "validation"):
        for shard in record[part]["shards"]:
            shard["path"] = os.path.relpath(shard["path"], folder)
    record["source"] = settings.model_dump()
    record["tokenizer"] = {
        "path": os.path.relpath(tokenizer_model, folder),
        "vocab_size": processor.vocab_size(),
        "sha256": sha256(tokenizer_model),
    }
    record["warnings"] = warnings(record)
    folder.mkdir(parents=True, exist_ok=True)  # paths of the record lead through it
    record["duplicates_kept"] = kept_repeats(Dataset(record, folder))
    write_json(data_json_path, record)
    shutil.rmtree(state_dir, ignore_errors=True)


def kept_repeats(dataset: Dataset) -> int:
    """Training documents with the tokens of a validation document; more than the source tolerates are a ValueError."""
    found = repeats(dataset)
    if found.documents > found.tolerated:
        raise ValueError(
            f"rule 10: {found}: take them out of the training shards, or state with data.max_repeats how many may stay"
        )
    return found.documents


def warnings(record: Mapping[str, Any]) -> list[str]:
    """What a reader of figures should know of this text."""
    told = []
    for part in ("train", "validation"):
        scored, original = record[part]["bytes_scored"], record[part]["bytes_original"]
        if original is not None and scored > original:
            told.append(
                f"{part}: {scored} bytes are scored of text that was written with {original}: the normalisation makes "
                "it longer, and bits per byte smaller than those of the text as written"
            )
    return told
