"""Low-rank corrections: the record's products, and what an artifact with corrections gives back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from flowgolf.export import container
from flowgolf.export.correct import corrected
from flowgolf.export.dequantize import dequantize
from flowgolf.export.lqer import correction, factors, quantise_factors
from flowgolf.export.unpack import load

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "record_lqer.npz")
LEFT, RIGHT, ERROR = (torch.from_numpy(GOLDEN[name]) for name in ("left", "right", "error"))
RANK = int(GOLDEN["rank"])
RunExport = Callable[..., tuple[dict[str, Any], Path]]


def product(form: str, left: Tensor = LEFT, right: Tensor = RIGHT) -> Tensor:
    """What the quantised factors add to a tensor of zeros."""
    first, second = (dequantize(each.q, each.scale) for each in quantise_factors(left, right, form))
    return corrected(torch.zeros_like(ERROR), first, second, RANK)


@pytest.mark.parametrize(("form", "golden"), [("symmetric", "product_symmetric"), ("record", "product_asymmetric")])
def test_the_products_are_those_of_the_record(form: str, golden: str) -> None:
    torch.testing.assert_close(product(form), torch.from_numpy(GOLDEN[golden]), rtol=1e-5, atol=1e-7)


def test_the_records_form_leaves_more_of_the_error() -> None:
    left = {form: float((ERROR - product(form)).square().sum()) for form in ("symmetric", "record")}
    assert left["record"] > 3 * left["symmetric"]
    assert left["symmetric"] < 0.5 * float(ERROR.square().sum())


def test_the_records_grids_reach_further_below_than_above() -> None:
    left, right = torch.tensor([[-3.0, 2.9], [3.0, -0.9]]), torch.tensor([[-15.0, 15.0, 13.2], [-14.6, -1.2, 0.4]])
    first, second = quantise_factors(left, right, json.loads('"record"'))
    assert first.q.tolist() == [[-2, 1, 1, 0]] and first.scale.tolist() == [2.0]
    assert second.q[0, :6].tolist() == [-8, 7, 7, -7, -1, 0] and second.scale.tolist() == [2.0]
    first, second = quantise_factors(left, right, json.loads('"symmetric"'))
    assert first.q.tolist() == [[-7, 7], [7, -2]]
    assert second.q.tolist() == [[-7, 7, 6], [-7, -1, 0]]


def test_the_factors_are_the_best_of_their_rank() -> None:
    left, right = factors(ERROR, RANK)
    torch.testing.assert_close(left @ right, LEFT @ RIGHT, rtol=1e-4, atol=1e-6)


def test_groups_that_do_not_come_out_even_are_filled_up() -> None:
    error = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    _, right = correction(error, 3, "record")
    assert right.q.shape == (1, 64)
    assert not right.q[0, 21:].any()


@pytest.mark.parametrize("form", ["symmetric", "record"])
@pytest.mark.parametrize("codec", ["zstd", "brotli", "range"])
def test_an_artifact_gives_back_the_corrected_tensors(
    form: str, codec: str, weights: dict[str, Tensor], run_export: RunExport
) -> None:
    plain = {row["name"]: row["mse"] for row in run_export(weights, clip="spread")[0]["tensors"]}
    chosen = {"clip": "spread", "codec": codec, "lqer_rank": 4, "lqer_form": form}
    record, path = run_export(weights, **chosen)
    artifact, header = load(path), container.read(path)[0]
    names = [each["tensor"] for each in record["corrections"]]
    assert len(names) == 3
    assert list(artifact.tensors) == list(artifact.kinds) == sorted(weights)
    assert len(header.tensors) == len(weights) + 6
    for row in record["tensors"]:
        stored, weight = artifact.tensors[row["name"]], weights[row["name"]]
        assert float((weight - stored).double().square().mean()) == pytest.approx(row["mse"])
        if row["name"] in names:
            assert row["mse"] < 0.9 * plain[row["name"]]
        else:
            assert row["mse"] == plain[row["name"]]


def test_the_tensors_with_the_largest_error_are_corrected(weights: dict[str, Tensor], run_export: RunExport) -> None:
    weights["blocks.1.mlp.fc.weight"] *= 50
    record, _ = run_export(weights, clip="spread", lqer_rank=1, lqer_tensors=1)
    assert [each["tensor"] for each in record["corrections"]] == ["blocks.1.mlp.fc.weight"]
