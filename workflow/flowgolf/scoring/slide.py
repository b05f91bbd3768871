"""Losses of batches of windows, through the model's one forward pass."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch

from flowgolf.model.gpt import GPT
from flowgolf.running.progress import Progress
from flowgolf.scoring.compiled import CompiledLosses
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.precision import device_of, precision
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.settings import WindowSettings
from flowgolf.scoring.unchanging import unchanging
from flowgolf.scoring.windows import Segment, Windows

CPU_CACHE_BYTES = 32 * 2**20


def windows_of(stream: TokenStream, settings: WindowSettings) -> Windows:
    """Windows over a stream, or over its first `max_positions`; a stream shorter than a window is a ValueError."""
    num_positions = len(stream) - 1
    if settings.max_positions is not None:
        num_positions = min(num_positions, settings.max_positions)
    return Windows(num_positions, settings.seq_len, settings.stride)


def batch_windows(gpt: GPT, settings: WindowSettings) -> int:
    """Windows to score together: the settings' number, or what fits in `memory_mb`.

    A function of sizes and device alone, so that all shards of an evaluation have the same batches. On a CPU a batch
    beyond the cache is slower, not faster (benchmarks/evaluate.py).
    """
    if settings.batch_windows is not None:
        return settings.batch_windows
    model = gpt.settings
    floats_per_position = (model.layers // 2 + 8 + 2 * model.mlp_ratio) * model.dim
    size_bytes = 4 * (settings.seq_len * floats_per_position + 3 * settings.stride * model.vocab_size)
    memory_bytes = settings.memory_mb * 2**20
    if device_of(gpt).type == "cpu":
        memory_bytes = min(memory_bytes, CPU_CACHE_BYTES)
    return max(1, memory_bytes // size_bytes)


def slide(
    gpt: GPT,
    stream: TokenStream,
    settings: WindowSettings,
    shard: tuple[int, int] = (0, 1),
    label: str | None = None,
) -> tuple[int, np.ndarray, Ledger]:
    """Score shard `k` of `n` of a stream: first position, nats (positions,) float32, and the ledger.

    With a `label` it tells its progress.
    """
    windows = windows_of(stream, settings)
    indices = windows.shard(*shard, batch_windows(gpt, settings))
    start, end = windows[indices[0]].start, windows[indices[-1]].end
    progress = Progress(label, end - start, "positions") if label else None
    ledger = Ledger(windows.num_positions)
    parts: list[np.ndarray] = []
    done = 0
    with unchanging(gpt):
        for nats in score_segments(gpt, stream, windows, indices, ledger, settings):
            parts.append(nats)
            done += len(nats)
            if progress is not None:
                progress.update(done)
    return start, np.concatenate(parts), ledger


def score_segments(
    gpt: GPT, stream: TokenStream, windows: Windows, indices: range, ledger: Ledger, settings: WindowSettings
) -> Iterator[np.ndarray]:
    """Nats of consecutive segments, a batch at a time, each entered in the ledger first: (positions,) float32.

    On a CPU, `threads` batches are scored side by side with one thread each: no slower than sharing each product among
    the threads, much faster on a busy machine, and the digits do not depend on the number of threads.
    """
    workers = settings.threads if device_of(gpt).type == "cpu" else 1
    size = batch_windows(gpt, settings)
    batches = windows.batches(indices, size)
    compiled = CompiledLosses(gpt) if settings.compile else None

    def score(batch: Sequence[Segment]) -> np.ndarray:
        regular = len(batch) == size and batch[0].end - batch[0].start == settings.stride
        return score_batch(gpt, stream, batch, windows.seq_len, compiled if regular else None)

    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with gpt.constant_weights(), ThreadPoolExecutor(workers) as pool:
            while group := list(islice(batches, workers)):
                for batch in group:
                    ledger.score(batch)
                yield from pool.map(score, group)
    finally:
        torch.set_num_threads(threads_before)


def score_batch(
    gpt: GPT, stream: TokenStream, batch: Sequence[Segment], seq_len: int, compiled: CompiledLosses | None = None
) -> np.ndarray:
    """Nats of each position of consecutive segments of equal length: (positions,) float32."""
    first, last = batch[0].end - seq_len, batch[-1].end
    length = batch[0].end - batch[0].start
    tokens = torch.from_numpy(stream.read(first, last - first + 1).astype(np.int64)).to(device_of(gpt))
    rows = tokens.unfold(0, seq_len + 1, length)  # (windows, seq_len + 1), starting `length` apart
    with torch.inference_mode(), precision(gpt):
        nats = (compiled or gpt.token_losses)(rows[:, :-1], rows[:, 1:], last=length)  # (windows, length)
    return nats.flatten().cpu().numpy()
