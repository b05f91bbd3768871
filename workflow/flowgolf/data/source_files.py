"""Which files a source of data consists of. Imports nothing heavy: a Snakefile reads it while parsing."""

from pathlib import Path

from flowgolf.data.settings import DataSettings, HubData, ShardsData, TextData

SUFFIXES = (".txt", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


def source_files(settings: DataSettings) -> list[str]:
    """Files of the user that the data are made from, in order: text, shards, a ready tokenizer.

    ValueError for one that is missing or of an unknown kind. Packaged text and the hub's files are none of the user's.
    """
    if isinstance(settings, HubData):
        return []
    found: list[Path] = []
    if isinstance(settings, TextData):
        found += [path for given in settings.paths for path in text_files(Path(given))]
    if isinstance(settings, ShardsData):
        found += [path for part in ("train", "val") for path in shard_paths(settings, part)]
    if settings.tokenizer_model is not None:
        if not Path(settings.tokenizer_model).is_file():
            raise ValueError(f"data.tokenizer_model: {settings.tokenizer_model}: no such file")
        found.append(Path(settings.tokenizer_model))
    return [str(path) for path in dict.fromkeys(found)]


def text_files(path: Path) -> list[Path]:
    """`path` itself, or the files below a folder that have a known extension, sorted by path."""
    if path.is_dir():
        found = sorted(below for below in path.rglob("*") if below.name.endswith(SUFFIXES) and below.is_file())
        if not found:
            raise ValueError(f"{path}: no file with an accepted extension ({', '.join(SUFFIXES)}) in this folder")
        return found
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path}: unknown extension, accepted are {', '.join(SUFFIXES)}")
    return [path]


def shard_paths(settings: ShardsData, part: str) -> list[Path]:
    """The `part` (train or val) shards of a folder in the order of their numbers; ValueError when there is none."""
    pattern = f"{settings.prefix}_{part}_*.bin"
    found = sorted(Path(settings.path).glob(pattern))
    if not found:
        raise ValueError(f"{settings.path}: no shard named {pattern} in this folder")
    return found
