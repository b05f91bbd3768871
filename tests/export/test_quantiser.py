"""Quantisers of ideas: what they choose stands in the artifact, and what no artifact holds is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flowgolf.export.artifact import Calibration, export
from flowgolf.export.dequantize import dequantize
from flowgolf.export.quantiser import quantised
from flowgolf.export.quantize import quantise
from flowgolf.export.settings import ExportSettings
from flowgolf.export.unpack import load
from flowgolf.study.errors import ConfigError
from flowgolf.study.study import Study
from repository import ROOT

HEAD = "import torch\nfrom flowgolf.export.quantiser import Quantiser\n\n\nclass Mine(Quantiser):\n"
ASKED = "    def quantise(self, rows, bits, hessian):\n"
SIGNS = ASKED + "        return rows.sign().int(), rows.abs().mean(dim=1)\n"


@pytest.fixture
def fitted(own_ideas: Any) -> ExportSettings:
    """Settings with the quantiser of the examples."""
    return ExportSettings(quantiser=own_ideas.know(ROOT / "ideas" / "fitted_scale.py"), scale_floor=False)


def test_a_reader_gets_integers_times_scales_of_the_idea(
    own_ideas: Any, weights: dict[str, Tensor], run_export: Callable[..., Any]
) -> None:
    name = own_ideas.write(HEAD + SIGNS)
    record, artifact = run_export(weights, quantiser=name, embedding_bits=4)
    read = load(artifact).tensors
    for key in ("tok_emb.weight", "blocks.1.mlp.fc.weight", "ttt_refiner.W1"):
        expected = weights[key].sign() * weights[key].abs().mean(dim=-1, keepdim=True).half().float()
        assert torch.equal(read[key], expected), key
    kept = load(run_export(weights)[1]).tensors["skip_weights"]
    assert torch.equal(read["skip_weights"], kept)  # what is not quantised is as ever
    assert record["settings"]["quantiser"] == name


@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8])
def test_both_ends_of_every_width_come_back(
    bits: int, own_ideas: Any, weights: dict[str, Tensor], run_export: Callable[..., Any]
) -> None:
    body = "        q = torch.full(rows.shape, -(2 ** (bits - 1)))\n        q[:, 0] = 2 ** (bits - 1) - 1\n"
    name = own_ideas.write(HEAD + ASKED + body + "        return q, torch.full(rows.shape[:1], 0.25)\n")
    read = load(run_export(weights, quantiser=name, matrix_bits=bits, embedding_bits=bits)[1]).tensors
    for key in ("tok_emb.weight", "blocks.0.attn.proj.weight"):
        assert set(read[key].flatten().tolist()) == {-(2 ** (bits - 1)) / 4, (2 ** (bits - 1) - 1) / 4}


def test_a_quantiser_is_given_the_hessian_where_there_is_one(
    own_ideas: Any, weights: dict[str, Tensor], save: Callable[..., Path], tmp_path: Path
) -> None:
    body = (
        "        q = rows.sign().int()\n        return q, torch.full(rows.shape[:1], hessian is None and 1.0 or 2.0)\n"
    )
    name = own_ideas.write(HEAD + ASKED + body)
    settings = ExportSettings(passthrough_max_elements=40, code_bytes=0, quantiser=name, calibration_batches=1)
    known = Calibration({"blocks.0.attn.c_q.weight": torch.eye(16)})
    export(save(weights), settings, tmp_path / "artifact.bin", tmp_path / "export.json", calibration=known)
    read = load(tmp_path / "artifact.bin").tensors
    assert set(read["blocks.0.attn.c_q.weight"].abs().flatten().tolist()) == {2.0}
    assert set(read["blocks.0.attn.proj.weight"].abs().flatten().tolist()) == {1.0}


def test_fitted_scales_leave_less_error_than_the_largest_weight_and_follow_the_hessian(fitted: ExportSettings) -> None:
    weight = torch.randn(8, 200, generator=torch.Generator().manual_seed(0))
    hessian = torch.diag(torch.linspace(0.01, 9, 200))

    def errors(found: Any) -> Tensor:
        return (weight - dequantize(found.q, found.scale)).square()

    plain, own, weighted = (
        quantise(weight, 4, False),
        quantised(weight, 4, None, fitted),
        quantised(weight, 4, hessian, fitted),
    )
    assert (errors(own).sum(dim=1) <= errors(plain).sum(dim=1)).all() and errors(own).sum() < errors(plain).sum()
    by_input = hessian.diagonal()
    assert (errors(weighted) * by_input).sum() < (errors(own) * by_input).sum()


def test_fitted_scales_take_rows_of_zeros(fitted: ExportSettings) -> None:
    found = quantised(torch.zeros(3, 16), 6, None, fitted)
    assert not found.q.any() and (found.scale > 0).all()


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        ("rows", "something else than a pair of tensors, integers and scales"),
        ("rows, rows[:, 0]", r"torch.float32 of shape \[\d+, \d+\] in place of integers of shape"),
        ("rows[:1].int(), rows[:, 0]", r"torch.int32 of shape \[1, \d+\] in place of integers of shape"),
        ("rows.int(), torch.ones(1, 1)", r"scales of shape \[1, 1\] in place of one a row, \[\d+\]"),
        ("rows.int() - 33, torch.ones(len(rows))", r"integers from -3\d to -3\d, int6 holds -32 to 31"),
        ("rows.int() + 32, torch.ones(len(rows))", r"integers from 3\d to 3\d, int6 holds -32 to 31"),
        ("rows.int(), torch.zeros(len(rows))", "a scale of 0, which as float16 is not finite and above 0"),
        ("rows.int(), -torch.ones(len(rows))", "a scale of -1, which as float16"),
        ("rows.int(), torch.full((len(rows),), 1e6)", r"a scale of 1e\+06, which as float16"),
        ("rows.int(), torch.full((len(rows),), float('nan'))", "a scale of nan, which as float16"),
    ],
)
def test_what_no_artifact_holds_is_one_sentence(
    returned: str, problem: str, own_ideas: Any, weights: dict[str, Tensor], run_export: Callable[..., Any]
) -> None:
    name = own_ideas.write(HEAD + ASKED + f"        return {returned}\n")
    with pytest.raises(ValueError, match=rf"\S+: export.quantiser {name} gives {problem}"):
        run_export(weights, quantiser=name, embedding_bits=6)


def test_a_quantiser_without_its_method_says_so(own_ideas: Any) -> None:
    settings = ExportSettings(quantiser=own_ideas.write(HEAD + "    pass\n"))
    with pytest.raises(NotImplementedError, match="Mine has no method `quantise`"):
        quantised(torch.ones(2, 2), 6, None, settings)


def test_a_quantiser_that_is_no_idea_and_one_beside_another_choice_are_one_sentence(
    own_ideas: Any, config: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="quantiser: 'fitted' is no quantiser; `ideas:` names none"):
        ExportSettings(quantiser="fitted")
    name = own_ideas.write(HEAD + SIGNS)
    config["variants"]["both"] = {"train": {"qat_below": 0.2}, "export": {"quantiser": name}}
    told = (
        f"variants.both.train.qat_below: rounds as export.clip says, but export.quantiser is {name}; set one of the two"
    )
    with pytest.raises(ConfigError, match=told):
        Study(config)
    with pytest.raises(ValueError, match=f"gptq: true, but the quantiser {name} chooses the integers; set one of the"):
        ExportSettings(quantiser=name, gptq=True, calibration_batches=1)
