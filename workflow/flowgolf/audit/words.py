"""Small pieces of sentences."""

from collections.abc import Iterable


def joined(items: Iterable[object]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    texts = [str(item) for item in items]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def seeds_named(seeds: Iterable[int | None]) -> str:
    """`seed 42`, `seeds 42, 314 and 999`; a log that states none is `the log without a seed`."""
    known = [seed for seed in seeds if seed is not None]
    if not known:
        return "the log without a seed"
    return f"seed{'s' * (len(known) > 1)} {joined(known)}"
