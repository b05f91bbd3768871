"""Rate and memory of the rule `tokens` on made-up jsonl, next to what SentencePiece itself reaches on the same cores.

    python benchmarks/tokenize_text.py --megabytes 40 --workers 2

Prints MB/s of text for both and their ratio, by the clock and by CPU time (which other jobs on the machine disturb
less), and the peak memory of this process and of its largest worker.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

from flowgolf.data.byte_count import load_processor
from flowgolf.data.settings import SampleData, SplitFirst, TextData, TokenizerSettings
from flowgolf.data.sources import Documents
from flowgolf.data.tokenizer import tokenizer
from flowgolf.data.tokens import tokens
from flowgolf.files import read_json

PART_BYTES = 4000
VOCAB_SIZE = 1024


def texts(size_bytes: int) -> Iterator[str]:
    """Numbered pieces of State of the Union addresses, over and over, up to `size_bytes` in all."""
    pieces = [
        text[start : start + PART_BYTES]
        for text in Documents(SampleData())
        for start in range(0, len(text), PART_BYTES)
    ]
    written = 0
    for number, piece in enumerate(cycle(pieces)):
        if written >= size_bytes:
            return
        written += len(piece.encode())
        yield f"{number} {piece}"


def bare_seconds(model_path: Path, sample: list[str], num_workers: int) -> tuple[float, float]:
    """Seconds and CPU seconds per MB of `SentencePieceProcessor.encode` alone, in as many processes."""
    with ProcessPoolExecutor(num_workers, get_context("fork")) as workers:
        taken = list(workers.map(encode_seconds, [model_path] * num_workers, [sample] * num_workers))
    megabytes = num_workers * sum(len(text.encode()) for text in sample) / 1e6
    return max(wall for wall, _ in taken) / megabytes, sum(cpu for _, cpu in taken) / megabytes


def encode_seconds(model_path: Path, sample: list[str]) -> tuple[float, float]:
    """Seconds and CPU seconds that one process needs for the sample."""
    processor = load_processor(model_path)
    wall, cpu = time.perf_counter(), time.process_time()
    processor.encode(sample, num_threads=1)
    return time.perf_counter() - wall, time.process_time() - cpu


def cpu_seconds() -> float:
    """CPU time of this process and of its finished workers so far."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_megabytes(who: int) -> float:
    """Largest resident set so far."""
    return resource.getrusage(who).ru_maxrss / 1024


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=40, help="size of the corpus")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        corpus, model_path = folder / "corpus.jsonl", folder / "tokenizer.model"
        with corpus.open("w") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts(arguments.megabytes * 10**6))
        settings = TextData(
            paths=[str(corpus)],
            split=SplitFirst(val_documents=200),
            tokenizer=TokenizerSettings(vocab_size=VOCAB_SIZE, max_training_bytes=5_000_000),
        )
        tokenizer(settings, model_path)
        sample = list(texts(4_000_000))
        before = bare_seconds(model_path, sample, arguments.workers)
        wall, cpu = time.perf_counter(), cpu_seconds()
        tokens(
            settings,
            model_path,
            folder / "data.json",
            folder / "shards",
            folder / "state",
            num_workers=arguments.workers,
        )
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        after = bare_seconds(model_path, sample, arguments.workers)
        record = read_json(folder / "data.json")
    megabytes = sum(record[part]["bytes_original"] for part in ("train", "validation")) / 1e6
    print(f"text {megabytes:.1f} MB, {record['train']['tokens'] + record['validation']['tokens']} tokens")
    for name, taken, place in (("clock", wall, 0), ("CPU", cpu, 1)):
        rate, bare = megabytes / taken, 2 / (before[place] + after[place])
        print(f"{name}: tokens {rate:.2f} MB/s, encode alone {bare:.2f} MB/s, ratio {rate / bare:.3f}")
    print(f"peak memory {peak_megabytes(resource.RUSAGE_SELF):.0f} MB, "
          f"largest worker {peak_megabytes(resource.RUSAGE_CHILDREN):.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
