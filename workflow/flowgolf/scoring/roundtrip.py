"""Loss over windows side by side: training's validation and an artifact's check (docs/spec/evaluation.md, E2)."""

import math

import numpy as np
import torch

from flowgolf.data.byte_count import ByteTable
from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.score import Score, TokenStream, total
from flowgolf.scoring.windows import Segment

SUMS_AGREE = 1e-9
"""Largest relative difference between sums of the same nats, added in another order."""


def refereed_roundtrip(
    gpt: GPT, stream: TokenStream, byte_table: ByteTable, max_positions: int | None = None
) -> tuple[Score, Referee]:
    """`roundtrip` under a referee: every position once, nats recorded and a sample of them replayed.

    IllegalEvaluationError when the score is not that of the recorded nats.
    """
    num_positions = len(stream) - 1 if max_positions is None else min(len(stream) - 1, max_positions)
    referee = Referee(gpt, stream, Segment(0, num_positions), num_positions)
    with referee.scoring():
        score = roundtrip(gpt, stream, byte_table, max_positions=max_positions, referee=referee)
    recorded = total(referee.finish(), byte_table, stream, 0)
    if (score.tokens, score.bytes) != (recorded.tokens, recorded.bytes) or not math.isclose(
        score.nats, recorded.nats, rel_tol=SUMS_AGREE
    ):
        raise IllegalEvaluationError(f"rule 20, figures recomputed: the roundtrip gives {score}, its nats {recorded}")
    return score, referee


def roundtrip(
    gpt: GPT,
    shards: TokenStream,
    byte_table: ByteTable,
    batch_windows: int = 32,
    max_positions: int | None = None,
    referee: Referee | None = None,
) -> Score:
    """Score each position of a stream once, in non-overlapping windows of seq_len; the last may be shorter.

    Position p predicts token p + 1, so n tokens have n - 1 positions; `max_positions` stops earlier.
    A stream with nothing to score is a ValueError.
    """
    num_positions = len(shards) - 1
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
        if referee is not None:
            referee.enter(batch)
        with torch.inference_mode():
            losses = gpt.token_losses(ids[:-1].view(-1, length), ids[1:].view(-1, length))
        if referee is not None:
            referee.record(batch, losses.flatten().cpu().numpy(), length)
        nats += float(losses.sum(dtype=torch.float64))
        num_bytes += int(byte_table.count(tokens[:-1], tokens[1:]).sum())
        start += count
    return Score(nats, num_positions, num_bytes)
