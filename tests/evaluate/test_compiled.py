"""Compiled scoring gives the plain digits, follows the weights, and is refused when it does not."""

import pytest
import torch

from evaluate.conftest import Golden
from flowgolf.scoring.compiled import check_same, compiled_losses
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.scoring.slide import slide


def test_compiled_scoring_gives_the_plain_digits_and_follows_the_weights(tiny: Golden) -> None:
    compiled = tiny.sliding(compile=True, batch_windows=4, threads=2)
    for expected_graphs in (1, 0):
        torch._dynamo.utils.counters.clear()
        nats, plain = (
            slide(tiny.gpt, tiny.stream, settings).nats
            for settings in (compiled, tiny.sliding(batch_windows=4, threads=2))
        )
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == expected_graphs
        assert 0 < abs(nats - plain).max() < 1e-5
        with torch.no_grad():
            tiny.gpt.blocks[0].mlp.fc.weight.mul_(1.5)


def test_planted_compiled_code_with_other_digits_is_caught(tiny: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = tiny.gpt.token_losses
    monkeypatch.setattr(torch, "compile", lambda losses, dynamic: lambda *ids, last: honest(*ids, last=last) + 1e-3)
    with pytest.raises(
        IllegalEvaluationError,
        match=r"the compiled forward pass differs from the plain one by 1.0e-03 nats at one position, "
        r"1.0e-05 is allowed: set compile: false",
    ):
        slide(tiny.gpt, tiny.stream, tiny.sliding(compile=True, batch_windows=4))


def test_planted_nan_of_compiled_code_is_caught() -> None:
    with pytest.raises(IllegalEvaluationError, match="differs from the plain one by nan nats"):
        check_same(torch.tensor([float("nan")]), torch.zeros(1))


def test_left_open_only_a_gpu_compiles(tiny: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled_losses(tiny.gpt, None) is None and compiled_losses(tiny.gpt, False) is None
    assert compiled_losses(tiny.gpt, True) is not None
    monkeypatch.setattr("flowgolf.scoring.compiled.device_of", lambda gpt: torch.device("cuda"))
    assert compiled_losses(tiny.gpt, None) is not None and compiled_losses(tiny.gpt, False) is None
