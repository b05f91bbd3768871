"""Loss over windows side by side: training's validation and an artifact's check (docs/spec/evaluation.md, E2).

Trainings depend on this file, so it knows no referee: an edit of the rules trains nothing again.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from flowgolf.data.byte_count import ByteTable
from flowgolf.model.gpt import GPT
from flowgolf.scoring.precision import precision
from flowgolf.scoring.score import Score, TokenStream
from flowgolf.scoring.windows import Segment


class Recorder(Protocol):
    """Whoever keeps the nats of an evaluation; training's validation has none."""

    def enter(self, batch: Sequence[Segment]) -> None:
        """Book segments of equal length, before they are scored together."""
        ...

    def record(self, batch: Sequence[Segment], nats: np.ndarray, length: int) -> None:
        """Keep the nats (positions,) of consecutive segments that windows of `length` scored."""
        ...


def roundtrip(
    gpt: GPT,
    shards: TokenStream,
    byte_table: ByteTable,
    batch_windows: int = 32,
    max_positions: int | None = None,
    recorder: Recorder | None = None,
    losses: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Score:
    """Score each position of a stream once, in non-overlapping windows of seq_len; the last may be shorter.

    Position p predicts token p + 1, so n tokens have n - 1 positions; `max_positions` stops earlier.
    `losses` takes the place of the model's own. A stream with nothing to score is a ValueError.
    """
    num_positions, losses_of = len(shards) - 1, losses or gpt.token_losses
    if num_positions < 1:
        raise ValueError(f"validation stream has {len(shards)} tokens, at least 2 are needed to score one position")
    if max_positions is not None:
        num_positions = min(num_positions, max_positions)
    seq_len, device = gpt.settings.seq_len, gpt.tok_emb.weight.device
    nats, num_bytes, start = 0.0, 0, 0
    while start < num_positions:
        rows = min(batch_windows, (num_positions - start) // seq_len)
        length = seq_len if rows else num_positions - start
        count = max(rows, 1) * length
        tokens = shards.read(start, count + 1).astype(np.int64)
        ids = torch.from_numpy(tokens).to(device)
        batch = [Segment(begin, begin + length) for begin in range(start, start + count, length)]
        if recorder is not None:
            recorder.enter(batch)
        with torch.inference_mode(), precision(device):
            scored = losses_of(ids[:-1].view(-1, length), ids[1:].view(-1, length))
        if recorder is not None:
            recorder.record(batch, scored.flatten().cpu().numpy(), length)
        nats += float(scored.sum(dtype=torch.float64))
        num_bytes += int(byte_table.count(tokens[:-1], tokens[1:]).sum())
        start += count
    return Score(nats, num_positions, num_bytes)
