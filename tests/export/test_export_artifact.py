"""Rule export from checkpoint to artifact and back."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flowgolf.export.artifact import read_checkpoint
from flowgolf.export.codec import Codec
from flowgolf.export.dequantize import dequantize
from flowgolf.export.kinds import ATTENTION, MLP
from flowgolf.export.pack import Packer
from flowgolf.export.plan import match_plan
from flowgolf.export.quantize import quantise
from flowgolf.export.settings import ExportSettings
from flowgolf.export.unpack import load
from flowgolf.files import write_json
from flowgolf.model import weights_file
from flowgolf.model.roles import Stored, to_text

LABELS = {ATTENTION: "attn", MLP: "mlp"}
Weights = dict[str, Tensor]
RunExport = Callable[..., tuple[dict[str, Any], Path]]


def block_kinds(path: Path) -> list[str]:
    """The one storage of each block's matrices."""
    kinds = load(path).kinds
    of_blocks = [{kind for name, kind in kinds.items() if name.startswith(f"blocks.{block}.")} for block in range(3)]
    return [kind for (kind,) in of_blocks]


def assert_dequantised(stored: Tensor, weight: Tensor, bits: int) -> None:
    quantised = quantise(weight, bits)
    assert torch.equal(stored, dequantize(quantised.q, quantised.scale))


@pytest.mark.parametrize("codec", ["zstd", "range"])
def test_an_artifact_gives_back_the_dequantised_weights(codec: str, weights: Weights, run_export: RunExport) -> None:
    _, path = run_export(weights, codec=codec, plan={1: 5})
    artifact = load(path)
    assert artifact.model == {"layers": 3, "dim": 16, "vocab_size": 32}
    assert block_kinds(path) == ["int6", "int5", "int6"]
    assert {name: tensor.shape for name, tensor in artifact.tensors.items()} == {
        name: tensor.shape for name, tensor in weights.items()
    }
    for name, kind in artifact.kinds.items():
        stored = artifact.tensors[name]
        if kind in ("float16", "float32"):
            assert torch.equal(stored, weights[name].half().float() if kind == "float16" else weights[name])
        elif kind == "int8":
            assert_dequantised(stored, weights[name], 8)
        else:
            assert_dequantised(stored, weights[name], int(kind[-1]))
    assert set(artifact.kinds.values()) == {"float16", "float32", "int5", "int6", "int8"}


def test_brotli_gives_back_the_same_weights_as_zstd(weights: Weights, run_export: RunExport) -> None:
    stored = {codec: load(run_export(weights, codec=codec)[1]) for codec in ("zstd", "brotli")}
    assert [stored[codec].codec for codec in stored] == list(stored)
    assert all(tensor.equal(stored["brotli"].tensors[name]) for name, tensor in stored["zstd"].tensors.items())


def test_the_smallest_codec_is_kept_and_every_attempt_told(weights: Weights, run_export: RunExport) -> None:
    record, path = run_export(weights, codec="smallest")
    assert [attempt["codec"] for attempt in record["attempts"]] == ["zstd"] * 4 + ["brotli"]
    sizes = [attempt["bytes_weights"] for attempt in record["attempts"]]
    assert record["bytes_weights"] == path.stat().st_size == min(sizes)
    assert record["codec"] == load(path).codec == record["attempts"][sizes.index(min(sizes))]["codec"]
    assert {attempt["entropy_bound_bytes"] for attempt in record["attempts"]} == {record["entropy_bound_bytes"]}
    assert record["output_error"] is None


def test_a_comparison_tells_the_size_of_the_file_in_every_codec(weights: Weights, run_export: RunExport) -> None:
    files = {codec: run_export(weights, codec=codec, levels=[1])[1].stat().st_size for codec in get_args(Codec)}
    record, path = run_export(weights, codec="smallest", levels=[1], code_bytes=7, compare=True)
    told = {each["codec"]: each for each in record["codecs"]}
    assert {codec: each["bytes_weights"] for codec, each in told.items()} == files
    assert {codec: each["bytes_total"] - 7 for codec, each in told.items()} == files
    assert [codec for codec, each in told.items() if each["chosen"]] == [load(path).codec]
    readable = [codec for codec, each in told.items() if each["in_train_gpt"]]
    assert readable == ["zstd", "brotli"]
    assert record["bytes_weights"] == min(files[codec] for codec in readable)
    assert "codecs" not in run_export(weights)[0]


def test_bits_of_each_kind_of_tensor_and_of_a_block(weights: Weights, run_export: RunExport) -> None:
    chosen = {"attention_bits": 7, "mlp_bits": 4, "embedding_bits": 5, "plan": {0: 5, 1: 8}}
    kinds = load(run_export(weights, **chosen)[1]).kinds
    of_blocks = [
        (kinds[f"blocks.{block}.attn.proj.weight"], kinds[f"blocks.{block}.mlp.proj.weight"]) for block in (0, 1, 2)
    ]
    assert of_blocks == [("int5", "int4"), ("int8", "int8"), ("int7", "int4")]
    assert (kinds["tok_emb.weight"], kinds["native_flow.v_in.bias"]) == ("int5", "int5")


def test_clipping_by_spread_acts_on_every_number_of_bits(weights: Weights, run_export: RunExport) -> None:
    chosen = {"clip": "spread", "matrix_k": 3.0, "mlp_k": 2.0, "embedding_k": 4.0}
    stored = load(run_export(weights, **chosen)[1]).tensors
    for name, bits, k in (
        ("blocks.0.attn.proj.weight", 6, 3.0),
        ("blocks.0.mlp.fc.weight", 6, 2.0),
        ("tok_emb.weight", 8, 4.0),
    ):
        quantised = quantise(weights[name], bits, clip="spread", k=k)
        assert torch.equal(stored[name], dequantize(quantised.q, quantised.scale))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"matrix_bits": 3}, "matrix_bits\n  Input should be 4, 5, 6, 7 or 8"),
        ({"plan": {0: 9}}, "Input should be 4, 5, 6, 7 or 8"),
        ({"matrix_k": 0.0}, "matrix_k\n  Input should be greater than 0"),
        ({"codec": "lzma"}, "codec\n  Input should be 'zstd', 'range', 'brotli' or 'smallest'"),
        ({"gptq": True}, "gptq: needs Hessians: set calibration_batches to 1 or more"),
    ],
)
def test_values_that_cannot_be_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ExportSettings(**values)


def test_calibration_has_to_be_made_where_it_is_asked_for(weights: Weights, run_export: RunExport) -> None:
    with pytest.raises(ValueError, match="export.calibration_batches asks for a calibration, and none was made"):
        run_export(weights, calibration_batches=2)


def test_rows_without_spread_are_refused_by_name(weights: Weights, run_export: RunExport) -> None:
    weights["tok_emb.weight"] = torch.ones(64, 1)
    with pytest.raises(ValueError, match=r"tok_emb\.weight: clip `spread` needs rows of two weights or more"):
        run_export(weights, clip="spread")


def test_the_same_checkpoint_makes_the_same_bytes(weights: Weights, run_export: RunExport) -> None:
    first = run_export(weights)[1].read_bytes()
    assert run_export(weights)[1].read_bytes() == first


def test_the_record_adds_up(weights: Weights, run_export: RunExport) -> None:
    record, path = run_export(weights, cap_bytes=50_000, code_bytes=1000)
    size = path.stat().st_size
    assert record["bytes_weights"] == size == record["attempts"][-1]["bytes_weights"]
    assert record["bytes_total"] == size + 1000
    assert record["headroom_bytes"] == 50_000 - size - 1000
    assert record["parameters"] == sum(tensor.numel() for tensor in weights.values())
    assert record["bits_per_parameter"] == 8 * size / record["parameters"]
    assert record["over_entropy"] == pytest.approx(size / record["entropy_bound_bytes"] - 1, abs=1e-3)
    assert record["plan"] == {"0": 6, "1": 6, "2": 6}
    assert (record["artifact_name"], record["artifact_sha256"]) == ("artifact.bin", load(path).sha256)
    assert json.loads(path.with_name("export.json").read_text()) == json.loads(json.dumps(record))


def test_every_tensor_has_a_row_with_its_error(weights: Weights, run_export: RunExport) -> None:
    record, path = run_export(weights)
    tensors = load(path).tensors
    assert [row["name"] for row in record["tensors"]] == list(tensors)
    for row in record["tensors"]:
        error = (weights[row["name"]] - tensors[row["name"]]).double().square().mean().item()
        assert row["mse"] == pytest.approx(error)
        assert row["bytes"] >= row["entropy_bytes"] * 0.9
        assert row["elements"] == math.prod(row["shape"])
        assert LABELS.get(row["label"], row["label"]) in row["name"]
    assert {row["label"] for row in record["tensors"]} == {
        ATTENTION, MLP, "tok_emb", "skip_weights", "native_flow", "ttt_refiner", "smear",
    }  # fmt: skip


def test_clipping_shows_as_clip_loss(weights: Weights, run_export: RunExport) -> None:
    weights["blocks.0.mlp.proj.weight"][0, 0] = 30.0
    losses = {}
    for clip in ("max", "search"):
        record, _ = run_export(weights, clip=clip)
        losses[clip] = {row["name"]: row["clip_loss"] for row in record["tensors"]}["blocks.0.mlp.proj.weight"]
    assert losses["max"] == 0
    assert losses["search"] > 0


def test_the_search_downgrades_no_more_blocks_than_it_must(weights: Weights, run_export: RunExport) -> None:
    sizes = [run_export(weights, plan=plan)[0]["bytes_weights"] for plan in ({}, {1: 5}, {1: 5, 2: 5})]
    assert sizes == sorted(sizes, reverse=True)
    record, path = run_export(weights, cap_bytes=sizes[1])
    assert record["int5_layers"] == [1]
    assert block_kinds(path) == ["int6", "int5", "int6"]
    assert [attempt["int5_layers"] for attempt in record["attempts"][:5]] == [[], [], [], [], [1]]
    assert [attempt["fits"] for attempt in record["attempts"]][-2:] == [False, True]


def test_a_forced_plan_is_kept_though_more_would_fit(weights: Weights, run_export: RunExport) -> None:
    record, _ = run_export(weights, plan={0: 5, 2: 5})
    assert (record["int5_layers"], record["plan_forced"]) == ([0, 2], True)


def test_a_matched_plan_is_that_of_the_neediest_record(weights: Weights, run_export: RunExport, tmp_path: Path) -> None:
    own, _ = run_export(weights)
    needy, _ = run_export(weights, plan={0: 5, 2: 5})
    records = [write(tmp_path / f"{name}.json", each) for name, each in [("own", own), ("needy", needy)]]
    match_plan(records, tmp_path / "plan.json")
    matched, _ = run_export(weights, matched_plan_path=tmp_path / "plan.json", plan="matched")
    assert (own["int5_layers"], matched["int5_layers"]) == ([], [0, 2])


def test_matched_without_a_plan_is_refused(weights: Weights, run_export: RunExport) -> None:
    with pytest.raises(ValueError, match="export.plan is `matched`, and no matched plan is given"):
        run_export(weights, plan="matched")


def write(path: Path, record: dict[str, Any]) -> Path:
    write_json(path, record)
    return path


def test_code_of_unknown_size_is_refused(weights: Weights, run_export: RunExport) -> None:
    with pytest.raises(ValueError, match="export.code_bytes: null has to be replaced by the size of the generated"):
        run_export(weights, code_bytes=None)


@pytest.mark.parametrize("codec", ["zstd", "range"])
def test_a_cap_that_cannot_be_met_fails_and_leaves_no_file(
    codec: str, weights: Weights, run_export: RunExport, tmp_path: Path
) -> None:
    tried = r"int5 blocks: 0, 1, 2.* makes \d+ bytes, \d+ more than the 800 left"
    message = rf"cap_bytes 900 too small: .*{tried}.*model\.safetensors"
    with pytest.raises(ValueError, match=message):
        run_export(weights, cap_bytes=900, code_bytes=100, codec=codec)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(value: float, weights: Weights, run_export: RunExport) -> None:
    weights["blocks.1.attn.c_q.weight"][3, 4] = value
    with pytest.raises(ValueError, match=r"blocks\.1\.attn\.c_q\.weight has 1 values that are not finite"):
        run_export(weights)


def test_blocks_are_counted_by_what_is_stored(weights: Weights) -> None:
    in_blocks = {name: Stored("block", "any", block) for block, name in enumerate(sorted(weights)[:5])}
    for stored, layers in ((in_blocks, 5), ({"a": Stored("int8", "a", None)}, 0), ({}, 0)):
        assert Packer({}, weights, stored, ExportSettings()).num_layers == layers


def test_weights_beyond_float16_are_refused_by_name(weights: Weights, run_export: RunExport) -> None:
    weights["native_flow.gate"] = torch.tensor(1e5)
    with pytest.raises(ValueError, match=r"native_flow\.gate: a value of 1e\+05 is too large for float16"):
        run_export(weights)
    weights["native_flow.gate"] = torch.tensor(0.0)
    weights["blocks.0.mlp.fc.weight"][0, 0] = 1e7
    with pytest.raises(ValueError, match=r"mlp\.fc\.weight: a weight of 1e\+07 is too large for a float16 scale"):
        run_export(weights)


def test_foreign_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    text = to_text({}, {"a": Stored("int8", "a", None)})
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"model\.safetensors: not a safetensors checkpoint"):
        read_checkpoint(path)
    weights_file.save(path, {"a": torch.zeros(0, 4)}, text)
    with pytest.raises(ValueError, match=r"a of shape \[0, 4\] holds no weights"):
        read_checkpoint(path)
    weights_file.save(path, {"a": torch.zeros(2, dtype=torch.int64)}, text)
    with pytest.raises(ValueError, match=r"a holds torch\.int64; weights are floating point"):
        read_checkpoint(path)


def test_a_checkpoint_of_an_older_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"model": "{}"})
    message = f"{path}: the checkpoint does not say how its weights are to be stored; one of an older version is of no "
    with pytest.raises(ValueError, match=re.escape(f"{message}more use: delete {tmp_path} and train again")):
        read_checkpoint(path)


def test_all_zero_and_all_float_models_survive(weights: Weights, run_export: RunExport) -> None:
    zeros = {name: torch.zeros(512, 512) if tensor.dim() == 2 else tensor for name, tensor in weights.items()}
    _, path = run_export(zeros)
    assert not load(path).tensors["tok_emb.weight"].any()
    record, path = run_export(weights, passthrough_max_elements=10**6)
    assert {row["kind"] for row in record["tensors"]} == {"float16"}
    assert torch.equal(load(path).tensors["tok_emb.weight"], weights["tok_emb.weight"].half().float())
