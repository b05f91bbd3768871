"""Files that a study names, looked at before any job; those of its text and shards are in `data/source_files.py`."""

from collections.abc import Iterator
from pathlib import Path

from flowgolf.data.settings import HubData
from flowgolf.study.errors import ConfigError
from flowgolf.study.study import Study


def check_files(study: Study) -> None:
    """Refuse checkpoints that are not there, and a tokenizer that is not of the models' size. Raises ConfigError."""
    problems = [*checkpoint_problems(study), *tokenizer_problems(study)]
    if problems:
        raise ConfigError(study.source, problems)


def checkpoint_problems(study: Study) -> Iterator[str]:
    """A sentence for each checkpoint that is not there."""
    for name, imported in study.settings.imports.items():
        if not Path(imported.checkpoint).is_file():
            yield f"imports.{name}.checkpoint: no file {imported.checkpoint}"


def tokenizer_problems(study: Study) -> Iterator[str]:
    """A sentence for each vocabulary size that a ready tokenizer does not have; the job that reads it tells others."""
    data = study.settings.data
    tokenizer = None if isinstance(data, HubData) else data.tokenizer_model
    pieces = None if tokenizer is None else pieces_in(tokenizer)
    for size in dict.fromkeys(run.model.vocab_size for run in study.variants.values()):
        if pieces not in (None, size):
            yield f"base.model.vocab_size: {size}, but {tokenizer} (data.tokenizer_model) has {pieces} pieces"


def pieces_in(tokenizer: str) -> int | None:
    """Number of pieces of a SentencePiece model; None for a file that is none."""
    from sentencepiece import SentencePieceProcessor  # only where a study has such a file

    try:
        return int(SentencePieceProcessor(model_file=tokenizer).vocab_size())
    except (RuntimeError, OSError):
        return None
