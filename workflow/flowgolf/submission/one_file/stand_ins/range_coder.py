"""Stand-in for `flowgolf.export.range_coder` inside the generated train_gpt.py, which may not need `constriction`."""

from typing import Any, NoReturn


def range_compress(groups: Any) -> NoReturn:
    """Refuse."""
    raise ValueError("export.codec: a range coder needs the package constriction, which train_gpt.py does without")


def range_decompress(data: bytes, group_sizes: Any) -> NoReturn:
    """Refuse."""
    raise ValueError("the weights are in a range coder's words, which train_gpt.py cannot read; export with zstd")
