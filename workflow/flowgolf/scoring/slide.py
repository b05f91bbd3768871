"""Losses of batches of windows, through the model's one forward pass."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.order import block_order
from flowgolf.running.progress import Progress
from flowgolf.scoring.compiled import CompiledLosses, compiled_losses
from flowgolf.scoring.precision import device_of, precision
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.settings import WindowSettings
from flowgolf.scoring.windows import Segment, Windows

CPU_CACHE_BYTES = 32 * 2**20
ROUND_BATCHES = 128
"""Batches between two looks at the weights, each with its sample of replays."""


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
    floats_per_position = (block_order(model.layers, model.recurrence).skips + 8 + 2 * model.mlp_ratio) * model.dim
    size_bytes = 4 * int(settings.seq_len * floats_per_position + 3 * settings.stride * model.vocab_size)
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
) -> Referee:
    """Score shard `k` of `n` of a stream; the referee has its first position, nats and ledger.

    With a `label` it tells its progress.
    """
    windows = windows_of(stream, settings)
    size = batch_windows(gpt, settings)
    indices = windows.shard(*shard, size)
    span = Segment(windows[indices[0]].start, windows[indices[-1]].end)
    progress = Progress(label, span.end - span.start, "positions") if label else None
    referee = Referee(gpt, stream, span, windows.num_positions)
    compiled = compiled_losses(gpt, settings.compile)
    for part in rounds(indices, size * ROUND_BATCHES):
        with referee.scoring():
            for position in score_segments(gpt, windows, part, referee, settings, compiled):
                if progress is not None:
                    progress.update(position - span.start)
    return referee


def rounds(indices: range, size: int) -> Iterator[range]:
    """Parts of a range that end at multiples of `size`, so that no batch is cut."""
    first = indices.start
    while first < indices.stop:
        end = min(indices.stop, (first // size + 1) * size)
        yield range(first, end)
        first = end


def score_segments(
    gpt: GPT,
    windows: Windows,
    indices: range,
    referee: Referee,
    settings: WindowSettings,
    compiled: CompiledLosses | None = None,
) -> Iterator[int]:
    """Score consecutive segments, a batch at a time, each entered first and then recorded; yields how far it came.

    On a CPU, `threads` batches are scored side by side with one thread each: no slower than sharing each product among
    the threads, much faster on a busy machine, and the digits do not depend on the number of threads.
    """
    workers = settings.threads if device_of(gpt).type == "cpu" else 1
    size = batch_windows(gpt, settings)
    batches = windows.batches(indices, size)

    def score(batch: Sequence[Segment]) -> np.ndarray:
        regular = len(batch) == size and batch[0].end - batch[0].start == settings.stride
        return score_batch(gpt, referee.stream, batch, windows.seq_len, compiled if regular else None)

    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with gpt.constant_weights(), ThreadPoolExecutor(workers) as pool:
            while group := list(islice(batches, workers)):
                for batch in group:
                    referee.enter(batch)
                for batch, nats in zip(group, pool.map(score, group), strict=True):
                    referee.record(batch, nats, windows.seq_len)
                    yield batch[-1].end
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
    with torch.inference_mode(), precision(device_of(gpt)):
        nats = (compiled or gpt.token_losses)(rows[:, :-1], rows[:, 1:], last=length)  # (windows, length)
    return nats.flatten().cpu().numpy()
