"""A small corpus of made-up documents, and settings to read it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from flowgolf.data.settings import SampleData, SplitEveryKth, TextData, TokenizerSettings
from flowgolf.data.tokens import tokens
from flowgolf.files import read_json, sha256

VOCAB_SIZE = 320
WORDS = ["the", "of", "and", "government", "people", "law", "nation", "year", "war", "peace", "trade", "land"]
WORDS += ["power", "state", "1790", "2026", "–", "“quoted”", "naïve"]


def made_up_texts(num_documents: int, seed: int = 0) -> list[str]:
    """Documents of several lines of words, all different."""
    random = np.random.default_rng(seed)
    return [
        "\n".join(" ".join(random.choice(WORDS, 30).tolist()) + f" {index}.{line}" for line in range(4))
        for index in range(num_documents)
    ]


def write_jsonl(path: Path, texts: list[str]) -> Path:
    """One document a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def text_data(path: Path, **changes: object) -> TextData:
    """Settings for a jsonl file: a vocabulary of 320, every fifth document validation."""
    chosen: dict[str, object] = {
        "paths": [str(path)],
        "split": SplitEveryKth(k=5),
        "tokenizer": TokenizerSettings(vocab_size=VOCAB_SIZE),
        **changes,
    }
    return TextData.model_validate(chosen)


class Output:
    """Where one call of `tokens` writes."""

    def __init__(self, folder: Path) -> None:
        self.record_path, self.shards, self.state = folder / "data.json", folder / "shards", folder / "state"

    def make(self, settings: TextData | SampleData, model_path: Path, num_workers: int = 1) -> dict[str, Any]:
        """Run the rule; the record."""
        tokens(settings, model_path, self.record_path, self.shards, self.state, num_workers=num_workers)
        return read_json(self.record_path)

    def files(self) -> dict[str, str]:
        """Digest of every shard by name."""
        return {path.name: sha256(path) for path in sorted(self.shards.iterdir())}
