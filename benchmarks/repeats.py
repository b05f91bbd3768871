"""Speed of the search for repeats between training and validation: MB of shards a second on one core, memory constant.

    python benchmarks/repeats.py [--tokens 200000000] [--document 800]

The rate of reading alone, through the same shards and with the same check of the vocabulary, stands beside it.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from flowgolf.data.repeats import RUN_TOKENS, compared
from flowgolf.data.shards import MAX_SHARD_TOKENS, Shards, write_shard

BOS, VOCAB_SIZE = 1, 1024
VALIDATION_SHARE = 50


def made_up(folder: Path, name: str, num_tokens: int, document: int, seed: int) -> Shards:
    """Random tokens with a BOS about every `document` tokens."""
    rng, paths = np.random.default_rng(seed), []
    for start in range(0, num_tokens, MAX_SHARD_TOKENS):
        tokens = rng.integers(2, VOCAB_SIZE, min(MAX_SHARD_TOKENS, num_tokens - start), dtype=np.uint16)
        tokens[rng.integers(0, len(tokens), len(tokens) // document)] = BOS
        paths.append(folder / f"{name}_{start:012d}.bin")
        write_shard(paths[-1], tokens)
    return Shards(paths, VOCAB_SIZE)


def megabytes_a_second(num_tokens: int, work: Callable[[], object]) -> float:
    """Rate of something that goes over so many tokens once."""
    started = time.perf_counter()
    work()
    return 2 * num_tokens / 1e6 / (time.perf_counter() - started)


def read_all(shards: Shards) -> None:
    """Read a stream as the search does."""
    for start in range(0, len(shards), RUN_TOKENS):
        shards.read(start, min(RUN_TOKENS, len(shards) - start))


def main() -> None:
    """Make shards, search them, print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=200_000_000)
    parser.add_argument("--document", type=int, default=800)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        train = made_up(Path(name), "train", chosen.tokens, chosen.document, 0)
        validation = made_up(Path(name), "validation", chosen.tokens // VALIDATION_SHARE, chosen.document, 1)
        reading = megabytes_a_second(len(train), lambda: read_all(train))
        searching = megabytes_a_second(len(train), lambda: print(compared(train, validation, BOS, 0)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"reading {reading:.0f} MB/s, reading and searching {searching:.0f} MB/s, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
