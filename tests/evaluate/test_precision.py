"""One arithmetic for every figure, which records name; what rounds differently is told apart from what is wrong."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bfloat16 import gpu_arithmetic
from evaluate.small_study import SmallStudy
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate import sliding as sliding_module
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.checks import CheckError, differing
from flowgolf.evaluate.legal_ttt import legal_ttt
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.sliding import sliding
from flowgolf.evaluate.trials import sample_of
from flowgolf.evaluate.verify import Trial, beforehand
from flowgolf.files import read_json
from flowgolf.model.gpt import GPT

CPU = torch.device("cpu")


@pytest.fixture
def as_on_a_gpu() -> Iterator[None]:
    with gpu_arithmetic():
        yield


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """Types of all hidden states that anybody asked the model for."""
    found: list[torch.dtype] = []
    plain = GPT.head_input

    def noted(gpt: GPT, x: torch.Tensor) -> torch.Tensor:
        found.append(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32)
        return plain(gpt, x)

    monkeypatch.setattr(GPT, "head_input", noted)
    return found


def evaluate(study: SmallStudy, folder: Path) -> list[dict[str, object]]:
    """Records of both evaluations."""
    folder.mkdir()
    sliding(study.artifact, study.data_json, study.sliding(), folder / "sliding.json", folder / "checks.json")
    legal_ttt(
        study.artifact, study.data_json, study.legal_ttt(), folder / "ttt.json", folder / "ttt.csv",
        folder / "ttt_checks.json", folder / "state", "code",
    )  # fmt: skip
    return [read_json(folder / name) for name in ("sliding.json", "ttt.json")]


@pytest.mark.usefixtures("as_on_a_gpu")
def test_every_forward_pass_of_both_evaluations_and_their_checks_has_the_precision_of_the_record(
    study: SmallStudy, tmp_path: Path, products: list[torch.dtype]
) -> None:
    assert [record["precision"] for record in evaluate(study, tmp_path / "out")] == ["bfloat16"] * 2
    assert len(products) > 30 and set(products) == {torch.bfloat16}
    checks = {check["rule"]: check["evidence"] for check in read_json(tmp_path / "out" / "checks.json")["checks"]}
    assert "the same within 0.1 nats (bfloat16), 0.002 on average" in checks[1]
    assert checks[12].startswith("training and scoring agree within 0.002 nats (bfloat16)")


def test_in_float32_checks_ask_for_the_same_bits(
    study: SmallStudy, tmp_path: Path, products: list[torch.dtype]
) -> None:
    assert [record["precision"] for record in evaluate(study, tmp_path / "out")] == ["float32"] * 2
    assert set(products) == {torch.float32}
    checks = json.dumps(read_json(tmp_path / "out" / "checks.json"))
    assert "the same bits when tokens from t on change" in checks and "agree to the bit" in checks


@pytest.mark.parametrize(
    ("change", "in_float32", "in_bfloat16"),
    [
        (lambda nats: nats * (1 + 1e-4), 1, None),
        (lambda nats: nats + 0.02 + 0.01 * (nats == 3), 0, 3),
        (lambda nats: nats + 0.2 * (nats > 6), 7, 7),
    ],
)
def test_in_bfloat16_rounding_passes_and_a_small_or_rare_difference_does_not(
    change: Callable[[np.ndarray], np.ndarray], in_float32: int, in_bfloat16: int | None
) -> None:
    nats = np.arange(8, dtype=np.float32)
    assert differing(nats, change(nats), CPU) == in_float32
    with gpu_arithmetic():
        assert differing(nats, change(nats), CPU) == in_bfloat16


class SeesTheNextToken(GPT):
    """A model whose hidden state at a position knows the token that it has to predict."""

    def hidden(self, input_ids: torch.Tensor, last: int | None = None) -> torch.Tensor:
        return super().hidden(input_ids, last) + 0.1 * self.tok_emb(input_ids.roll(-1, 1))[:, -(last or 0) :]


@pytest.mark.usefixtures("as_on_a_gpu")
def test_planted_sight_of_the_next_token_is_caught_in_bfloat16_too(study: SmallStudy) -> None:
    honest, _ = load_gpt(study.artifact)
    gpt = SeesTheNextToken(honest.settings).eval()
    gpt.load_state_dict(honest.state_dict())
    sample = sample_of(Dataset.open(study.data_json).validation, 32)
    assert beforehand(Trial(honest, {}, sample)).keys() == {1, 2, 12}
    with pytest.raises(CheckError, match="rule 1, causal: changing tokens from 1 on changes the losses before it"):
        beforehand(Trial(gpt, {}, sample))


def test_what_a_model_breaks_is_told_before_anything_is_scored(
    study: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(trial: Trial) -> dict[int, str]:
        assert len(trial.sample) and set(trial.evaluations) in ({"sliding", "roundtrip"}, {"legal_ttt"})
        raise CheckError("rule 2, told at once")

    scored: list[object] = []
    monkeypatch.setattr(sliding_module, "beforehand", refuse)
    monkeypatch.setattr("flowgolf.evaluate.legal_ttt.beforehand", refuse)
    monkeypatch.setattr(sliding_module, "slide", lambda *given: scored.append(given))
    monkeypatch.setattr(ScoreFirst, "run_chunk", scored.append)
    out = tmp_path / "out.json"
    with pytest.raises(CheckError, match="told at once"):
        sliding(study.artifact, study.data_json, study.sliding(), out, tmp_path / "checks.json")
    with pytest.raises(CheckError, match="told at once"):
        legal_ttt(
            study.artifact, study.data_json, study.legal_ttt(), out, tmp_path / "ttt.csv", tmp_path / "checks.json",
            tmp_path / "state", "code",
        )  # fmt: skip
    assert not scored and not out.exists()
