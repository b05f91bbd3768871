"""The roundtrip of an artifact under the rules of an evaluation (docs/spec/legality.md)."""

import math

from flowgolf.data.byte_count import ByteTable
from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.roundtrip import roundtrip
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
        score = roundtrip(gpt, stream, byte_table, max_positions=max_positions, recorder=referee)
    recorded = total(referee.finish(), byte_table, stream, 0)
    if (score.tokens, score.bytes) != (recorded.tokens, recorded.bytes) or not math.isclose(
        score.nats, recorded.nats, rel_tol=SUMS_AGREE
    ):
        raise IllegalEvaluationError(f"rule 20, figures recomputed: the roundtrip gives {score}, its nats {recorded}")
    return score, referee
