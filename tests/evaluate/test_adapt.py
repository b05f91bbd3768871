"""What trains, on which rows, at which rate, and only after it was scored."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from evaluate.small_study import SmallStudy
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate.adapt import Adapter, rate_multiplier
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.method import TTTMethod
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.evaluate.trials import TokenArray
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.windows import Segment


def finish(run: ScoreFirst) -> np.ndarray:
    while not run.finished:
        run.run_chunk()
    return run.nats


def ttt(study: SmallStudy, **changes: object) -> ScoreFirst:
    data, settings = Dataset.open(study.data_json), study.legal_ttt(**{"max_positions": 450, **changes})
    return ScoreFirst(load_gpt(study.artifact)[0], data.validation, data.byte_table, settings)


def test_rate_warms_up_over_a_twentieth_and_falls_to_zero() -> None:
    rates = [rate_multiplier(chunk, 41) for chunk in range(41)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[21] == pytest.approx(0.5, abs=0.03) and rates[-1] == pytest.approx(0)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rate_multiplier(0, 1) == 1.0 and rate_multiplier(1, 2) == 1.0


def test_rows_lie_inside_the_chunk_in_order_and_the_rest_is_left_out() -> None:
    settings = LegalTTTSettings(seq_len=10, stride=5, chunk_tokens=38, batch_seqs=2, epochs=2)
    first_pass = [[Segment(38, 48), Segment(48, 58)], [Segment(58, 68)]]
    method = TTTMethod(SimpleNamespace(blocks=[None] * 2), settings)
    assert list(method.rows(38, 76, TokenArray(np.zeros(77)))) == first_pass * 2


def test_frozen_blocks_stay_and_all_else_moves(study: SmallStudy) -> None:
    run = ttt(study, freeze_blocks=2)
    before = {name: weight.clone() for name, weight in run.gpt.state_dict().items()}
    finish(run)
    unmoved = {name for name, weight in run.gpt.state_dict().items() if torch.equal(weight, before[name])}
    frozen = {name for name in before if name.startswith(("blocks.0.", "blocks.1."))}
    assert unmoved == frozen


def test_more_frozen_blocks_than_blocks_are_refused(study: SmallStudy) -> None:
    with pytest.raises(ValueError, match="freeze_blocks 4 is more than the 3 blocks of the artifact"):
        ttt(study, freeze_blocks=4)


def test_a_chunk_shorter_than_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk_tokens: 63 is shorter than one row of seq_len 64"):
        LegalTTTSettings(seq_len=64, stride=8, chunk_tokens=63)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "lr": 0.01}, {"aux_loss": False}, {"seed": 1}, {"lr": 0.01}, {"momentum": 0.0},
        {"grad_clip_norm": 0.1}, {"epochs": 1}, {"freeze_blocks": 0}, {"chunk_tokens": 150}, {"batch_seqs": 1},
    ],
)  # fmt: skip
def test_every_setting_of_the_adaptation_reaches_the_figures(study: SmallStudy, changes: dict) -> None:
    plain, changed = finish(ttt(study)), finish(ttt(study, **changes))
    first_chunk = study.legal_ttt().chunk_tokens
    assert np.array_equal(plain[:first_chunk], changed[:first_chunk])
    assert not np.array_equal(plain, changed)


def test_auxiliary_draws_come_from_their_own_generator(study: SmallStudy) -> None:
    torch.manual_seed(1)
    once = finish(ttt(study))
    torch.manual_seed(2)
    assert np.array_equal(once, finish(ttt(study)))


def test_adaptation_lowers_the_loss(study: SmallStudy) -> None:
    adapted, still = finish(ttt(study, epochs=4)), finish(ttt(study, lr=1e-12))
    assert adapted.mean() < still.mean()


def test_a_last_chunk_without_a_segment_is_not_trained_for(study: SmallStudy) -> None:
    run = ttt(
        study, stride=16, chunk_tokens=40, max_positions=83
    )  # segments 0, 32, 48, 64 (to 80), 80; chunks 0, 40, 80
    finish(run)
    short = ttt(
        study, stride=20, chunk_tokens=40, max_positions=82
    )  # segments start at 0, 32, 52, 72; chunk 80 has none
    finish(short)
    assert len(run.rows) == 3 and len(short.rows) == 2
    assert short.ledger.events[-1].kind == "score"


def test_planted_training_before_scoring_stops_before_the_weights_change(study: SmallStudy) -> None:
    run = ttt(study)
    before = run.gpt.tok_emb.weight.clone()
    with pytest.raises(IllegalEvaluationError, match=r"training on \[0, 32\) before position 0 is scored"):
        run.adapter.train(run.stream, 0, 100, 0.1, run.ledger)
    assert torch.equal(before, run.gpt.tok_emb.weight)


def test_planted_training_on_the_next_chunk_is_caught(study: SmallStudy) -> None:
    run = ttt(study)
    run.run_chunk()
    with pytest.raises(IllegalEvaluationError, match="before position"):
        run.adapter.train(run.stream, 100, 200, 0.1, run.ledger)


def test_planted_second_scoring_of_a_chunk_is_caught(study: SmallStudy) -> None:
    run = ttt(study)
    run.run_chunk()
    run.next_chunk = 0
    with pytest.raises(IllegalEvaluationError, match="position 0 is scored a second time"):
        run.run_chunk()


def test_planted_change_of_weights_while_scoring_is_caught(study: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ttt(study)
    honest: Callable = run.gpt.token_losses

    def adapting(*args: object, **kwargs: object) -> torch.Tensor:
        with torch.no_grad():
            run.gpt.skip_weights.mul_(1.001)
        return honest(*args, **kwargs)

    monkeypatch.setattr(run.gpt, "token_losses", adapting)
    with pytest.raises(IllegalEvaluationError, match="the weights changed while positions were scored"):
        run.run_chunk()


@pytest.mark.parametrize("change", [{"lr": 1e4}, {"lr": float("inf")}])
def test_a_training_that_diverges_stops_at_once_with_chunk_loss_and_rate(study: SmallStudy, change: dict) -> None:
    run = ttt(study, **change)
    message = r"legal_ttt: chunk [01] of 5: the training diverges: loss \S+ at rate \S+: lower evaluate"
    with pytest.raises(FloatingPointError, match=message):
        finish(run)
    assert len(run.rows) <= 1


def test_full_batches_train_through_the_compiled_loss(study: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, asked = [], []

    def compile_(loss: Callable, **given: object) -> Callable:
        asked.append(given)
        return lambda ids, *rest: rows.append(len(ids)) or loss(ids, *rest)

    plain = finish(ttt(study))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "compile", compile_)
        run = ttt(study, compile=True)
    run.compiled = None  # the scoring is another matter
    assert {"fullgraph": True, "dynamic": False} in asked
    assert np.array_equal(finish(run), plain)
    assert set(rows) == {2} and len(rows) < run.ledger.training_steps


def test_nothing_is_compiled_on_a_cpu_unless_asked_for(study: SmallStudy) -> None:
    adapter = ttt(study).adapter
    assert adapter.compiled_loss == adapter.gpt.training_loss


def test_adamw_takes_no_weight_decay(study: SmallStudy) -> None:
    adapter: Adapter = ttt(study, optimizer="adamw").adapter
    assert isinstance(adapter.optimizer, torch.optim.AdamW)
    assert {group["weight_decay"] for group in adapter.optimizer.param_groups} == {0.0}
