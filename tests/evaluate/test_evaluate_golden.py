"""Agreement with figures of the published script, position by position."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.scoring.score import total
from flowgolf.scoring.slide import slide


@pytest.mark.parametrize("name", ["aligned", "ragged"])
@pytest.mark.parametrize("batch_windows", [1, 7, None])
def test_sliding_agrees_with_the_reference(load_golden: Callable, name: str, batch_windows: int | None) -> None:
    case = load_golden(name)
    referee = slide(case.gpt, case.stream, case.sliding(batch_windows=batch_windows))
    nats, ledger = referee.finish(), referee.ledger
    score = total(nats, case.byte_table, case.stream, referee.span.start)
    assert np.abs(nats - case.vectors["sliding_nll"]).max() < 1e-4
    assert score.bytes == case.vectors["total_bytes"]
    assert score.loss == pytest.approx(case.vectors["sliding_loss"].item(), abs=1e-6)
    assert score.bpb == pytest.approx(case.vectors["sliding_bpb"].item(), abs=1e-6)
    assert (ledger.times_scored == 1).all()


@pytest.mark.parametrize("name", ["aligned", "ragged"])
def test_legal_ttt_agrees_with_the_reference(load_golden: Callable, name: str) -> None:
    case = load_golden(name)
    started = time.monotonic()
    run = ScoreFirst(case.gpt, case.stream, case.byte_table, case.legal_ttt())
    while not run.finished:
        run.run_chunk()
    score = total(run.nats, case.byte_table, case.stream, 0)
    embedding = case.gpt.tok_emb.weight.detach().numpy()
    assert np.abs(run.nats - case.vectors["ttt_nll"]).max() < 1e-4
    assert score.bytes == case.vectors["total_bytes"]
    assert score.bpb == pytest.approx(case.vectors["ttt_bpb"].item(), abs=1e-5)
    assert np.abs(embedding - case.vectors["ttt_final_tok_emb"]).max() < 1e-5
    assert run.ledger.proof()["least_distance_to_frontier"] >= 1
    assert run.rows[0]["running_bpb"] == run.rows[0]["chunk_bpb"]
    assert run.rows[-1]["running_bpb"] == pytest.approx(case.vectors["ttt_bpb"].item(), abs=1e-5)
    assert 0 < run.rows[0]["seconds"] <= run.rows[-1]["seconds"] <= time.monotonic() - started + 0.001
