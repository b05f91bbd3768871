"""Speed of scoring against a plain loop over windows that computes everything, and of test-time training.

The plain loop runs the plain model (plain_model.py); a third row is the same loop through our forward pass.

    python benchmarks/evaluate.py [--size quick|full] [--threads 2] [--windows 64] [--repeats 3]

Same weights, same tokens, same process; the best of the repeats counts, and the repeats take turns so that a busy
machine slows all alike. `share` is the matrix products actually asked for, as a share of what the machine reaches on
1024 x 1024 products in the same run.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plain_model
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from flowgolf.data.byte_count import ByteTable
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import LegalTTTSettings, SlidingSettings
from flowgolf.evaluate.trials import TokenArray
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.slide import batch_windows, slide

STRIDE = 64
PLAIN_BATCH = 8  # windows at a time of the plain loop's better row
QUICK = ModelSettings(
    seq_len=256, layers=5, dim=80, heads=4, kv_heads=2, rope_dims=8, xsa_layers=5,
    bigram={"buckets": 1024, "dim": 32},
)  # fmt: skip
SIZES = {"quick": (QUICK, 256), "full": (ModelSettings(), 512)}  # model, window


TokenLosses = Callable[[GPT, torch.Tensor, torch.Tensor], torch.Tensor]


def plain_loop(gpt: GPT, stream: TokenArray, seq_len: int, batch: int, token_losses: TokenLosses) -> np.ndarray:
    """Every window computed whole, `batch` at a time, and the new positions kept."""
    num_positions = len(stream) - 1
    ends = list(range(seq_len, num_positions + 1, STRIDE))
    parts = []
    with torch.no_grad():
        for group in [ends[:1], *(ends[first : first + batch] for first in range(1, len(ends), batch))]:
            rows = np.stack([stream.read(end - seq_len, seq_len + 1).astype(np.int64) for end in group])
            ids = torch.from_numpy(rows)
            nats = token_losses(gpt, ids[:, :-1], ids[:, 1:])
            parts.append((nats if group == ends[:1] else nats[:, -STRIDE:]).flatten().numpy())
    return np.concatenate(parts)


def products(gpt: GPT, seq_len: int, num_scored: int) -> float:
    """Floating-point operations of one window's matrix products with `num_scored` positions scored."""
    settings = gpt.settings
    kv_dim = settings.dim // settings.heads * settings.kv_heads
    keys_values, rest = 2 * settings.dim * kv_dim, 2 * settings.dim**2 * (1 + settings.mlp_ratio)
    full_blocks = (settings.layers - 1) * (keys_values + rest) + keys_values
    return 2.0 * (seq_len * full_blocks + num_scored * (rest + settings.dim * settings.vocab_size))


def matrix_rate() -> float:
    """Floating-point operations a second of a 1024^3 product, the best of several."""
    a = torch.randn(1024, 1024)
    return 2 * 1024**3 / min(timed(lambda: a @ a)[0] for _ in range(50))


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds and result."""
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


def scoring(gpt: GPT, stream: TokenArray, seq_len: int, threads: int, repeats: int) -> None:
    """Table of the ways to score."""
    settings = SlidingSettings(seq_len=seq_len, stride=STRIDE, threads=threads)
    chosen = batch_windows(gpt, settings)
    ways: dict[str, Callable[[], object]] = {
        "plain loop, 1 window": lambda: plain_loop(gpt, stream, seq_len, 1, plain_model.token_losses),
        f"plain loop, {PLAIN_BATCH} windows": lambda: plain_loop(
            gpt, stream, seq_len, PLAIN_BATCH, plain_model.token_losses
        ),
        f"our forward, {PLAIN_BATCH} whole windows": lambda: plain_loop(
            gpt, stream, seq_len, PLAIN_BATCH, GPT.token_losses
        ),
    }
    for batch in sorted({1, max(1, chosen // 2), chosen, 2 * chosen, 4 * chosen}):
        name = f"sliding, {batch} windows" + (" (automatic)" if batch == chosen else "")
        fixed = settings.model_copy(update={"batch_windows": batch})
        ways[name] = lambda fixed=fixed: slide(gpt, stream, fixed)[1]
    compiled = settings.model_copy(update={"compile": True})
    ways[f"sliding, {chosen} windows, compiled"] = lambda: slide(gpt, stream, compiled)[1]
    slide(gpt, stream, compiled)  # compiles
    best, results = dict.fromkeys(ways, float("inf")), {}
    for _ in range(repeats):
        for name, way in ways.items():
            seconds, results[name] = timed(way)
            best[name] = min(best[name], seconds)
    reference, num_positions, rate = results["plain loop, 1 window"], len(stream) - 1, matrix_rate()
    num_windows = 1 + (num_positions - seq_len) // STRIDE
    print(f"{'way':32}{'positions/s':>12}{'times plain':>12}{'share':>8}{'largest deviation':>19}")
    for name, seconds in best.items():
        work = num_windows * products(gpt, seq_len, STRIDE if name.startswith("sliding") else seq_len)
        deviation = np.abs(results[name] - reference).max()
        speedup = best["plain loop, 1 window"] / seconds
        print(f"{name:32}{num_positions / seconds:12,.0f}{speedup:12.2f}{work / seconds / rate:8.0%}{deviation:19.1e}")


def adaptation(gpt: GPT, stream: TokenArray, seq_len: int, threads: int) -> None:
    """Line for test-time training: scoring and training of a few chunks, one epoch."""
    settings = LegalTTTSettings(
        seq_len=seq_len, stride=STRIDE, chunk_tokens=4 * seq_len, batch_seqs=4, epochs=1, threads=threads
    )
    vocab_size = gpt.settings.vocab_size
    table = ByteTable(np.ones(vocab_size, np.int64), np.zeros(vocab_size, bool), np.zeros(vocab_size, bool))
    run = ScoreFirst(gpt, stream, table, settings)
    while not run.finished:
        run.run_chunk()
    scored, trained = len(run.windows), sum(event.steps for event in run.ledger.events) * 4 * seq_len
    work = scored * products(gpt, seq_len, STRIDE) + 3 * trained / seq_len * products(gpt, seq_len, seq_len)
    print(
        f"legal TTT, 1 epoch: {run.windows.num_positions / run.seconds:,.0f} positions/s, "
        f"{work / run.seconds / matrix_rate():.0%} of the machine's matrix-product rate"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--windows", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, seq_len = SIZES[arguments.size]
    gpt = GPT(model)
    gpt.init_weights(0)
    with torch.no_grad():
        for weight in gpt.parameters():  # blocks start as zero: let every part matter, so that deviations show
            weight.add_(0.02 * torch.randn_like(weight))
    gpt.eval()
    num_tokens = seq_len + STRIDE * (arguments.windows - 1) + 1
    stream = TokenArray(np.random.default_rng(0).integers(0, model.vocab_size, num_tokens).astype(np.uint16))
    print(
        f"{arguments.size}: window {seq_len}, stride {STRIDE}, {arguments.threads} threads, torch {torch.__version__}"
    )
    scoring(gpt, stream, seq_len, arguments.threads, arguments.repeats)
    adaptation(gpt, stream, seq_len, arguments.threads)


if __name__ == "__main__":
    main()
