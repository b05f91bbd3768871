"""Hessians of a model's inputs: the record's own, over training data alone, and what they are good for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece as spm
import torch
from torch.nn import functional as F

from flowgolf.data.dataset import Dataset
from flowgolf.data.shards import write_shard
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.export import calibrate as calibration
from flowgolf.export.artifact import export
from flowgolf.export.calibrate import TrainingBatches, calibrate, hessians
from flowgolf.export.settings import ExportSettings
from flowgolf.export.unpack import load
from flowgolf.files import sha256
from flowgolf.model import weights_file
from flowgolf.model.gpt import GPT
from flowgolf.model.roles import to_text
from flowgolf.model.settings import ModelSettings

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "record_hessian.npz")
PLAIN = {"value_residual": False, "gated_attention": False, "bigram": None, "smear": False}
TINY = {**PLAIN, "vocab_size": 300, "seq_len": 16, "layers": 2, "dim": 32, "heads": 2, "kv_heads": 1, "rope_dims": 4,
        "xsa_layers": 2}  # fmt: skip
SETTINGS = ExportSettings(code_bytes=0, passthrough_max_elements=600, calibration_batches=3, calibration_rows=4)


def test_the_hessians_are_those_of_the_record() -> None:
    """Block 1 runs twice, skips have gates, block 2 is parallel."""
    shape = {"vocab_size": 96, "seq_len": 20, "layers": 3, "dim": 48, "heads": 4, "kv_heads": 2, "mlp_ratio": 2}
    record = {"skip_gates": True, "recurrence": {"start": 1, "end": 1, "repeats": 1}, "parallel_from": 2}
    gpt = GPT(ModelSettings.model_validate({**PLAIN, **shape, **record, "rope_dims": 4, "xsa_layers": 3}))
    gpt.load_state_dict({name: torch.from_numpy(GOLDEN[f"param/{name}"]) for name in gpt.state_dict()})
    found = hessians(gpt, [torch.from_numpy(ids) for ids in GOLDEN["input_ids"]])
    wanted = {name.removeprefix("hessian/"): GOLDEN[name] for name in GOLDEN.files if name.startswith("hessian/")}
    assert found.keys() == wanted.keys()
    for name, hessian in wanted.items():
        assert np.abs(found[name].numpy() - hessian).max() < 1e-4 * np.abs(hessian).max(), name


def test_a_narrow_head_has_the_hessian_of_what_it_reads() -> None:
    gpt = GPT(ModelSettings.model_validate({**TINY, "embedding_dim": 24}))
    gpt.init_weights(0)
    found = hessians(gpt, [torch.zeros(1, 16, dtype=torch.int64)])
    assert (found["tok_emb.weight"].shape, found["head_proj.weight"].shape) == ((24, 24), (32, 32))


@pytest.fixture(scope="module")
def data_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two training shards of 500 and 700 tokens and a validation shard, with a tokenizer of 300 pieces."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "text.txt").write_text("\n".join(f"the sea {number} and the shore" for number in range(200)))
    spm.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=300, model_type="bpe",
        byte_fallback=True, pad_id=0, bos_id=1, eos_id=2, unk_id=3, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    vocab_size = spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).vocab_size()
    chance, record = np.random.default_rng(0), {"tokenizer": {"path": "tokenizer.model", "vocab_size": vocab_size}}
    for part, sizes in {"train": (500, 700), "validation": (400,)}.items():
        record[part] = {"shards": []}
        for index, size in enumerate(sizes):
            write_shard(folder / f"{part}{index}.bin", chance.integers(0, vocab_size, size).astype(np.uint16))
            digest = sha256(folder / f"{part}{index}.bin")
            record[part]["shards"].append({"path": f"{part}{index}.bin", "tokens": size, "sha256": digest})
    (folder / "data.json").write_text(json.dumps(record))
    return folder / "data.json"


@pytest.fixture
def checkpoint(data_json: Path, tmp_path: Path) -> Path:
    """A model that has learnt nothing, every matrix other than zero, and two large inputs that hang together."""
    settings = ModelSettings.model_validate({**TINY, "vocab_size": Dataset.open(data_json).vocab_size})
    gpt = GPT(settings)
    gpt.init_weights(0)
    for name, weight in gpt.named_parameters():
        if weight.dim() == 2 and not weight.any():
            torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(len(name)))
    stored = {known.saved_as: known.stored for known in gpt.known.values()}
    path = tmp_path / "model.safetensors"
    weights_file.save(path, gpt.state_dict(), to_text(settings.model_dump(mode="json"), stored))
    return path


def test_pieces_of_a_batch_sum_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt = GPT(ModelSettings.model_validate(TINY))
    gpt.init_weights(0)
    batches = [torch.randint(0, 300, (5, 16), generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    whole = hessians(gpt, batches)
    monkeypatch.setattr(calibration, "PIECE_TOKENS", 32)
    for name, hessian in hessians(gpt, batches).items():
        torch.testing.assert_close(hessian, whole[name], rtol=1e-4, atol=1e-4 * float(hessian.abs().max()))


def test_linear_layers_of_parts_and_an_untied_head_have_hessians() -> None:
    settings = {**TINY, "tied_head": False, "bigram": {"buckets": 64, "dim": 8}, "flow_matcher": {"hidden_dim": 8}}
    gpt = GPT(ModelSettings.model_validate(settings))
    gpt.init_weights(0)
    found = hessians(gpt, [torch.zeros(1, 16, dtype=torch.int64)])
    assert {"lm_head.weight", "bigram.proj.weight", "native_flow.v_in.weight"} <= found.keys()
    assert not {"tok_emb.weight", "bigram.embed.weight"} & found.keys()
    assert found["bigram.proj.weight"].shape == (8, 8)


def test_batches_lie_over_all_training_tokens_and_say_which_shards_they_read(data_json: Path) -> None:
    data = Dataset.open(data_json)
    digests = [shard["sha256"] for shard in data.record["train"]["shards"]]
    batches = TrainingBatches(data, count=3, rows=2, seq_len=16)
    assert [batch.tolist() for batch in batches] == [
        data.train.read(start, 32).reshape(2, 16).tolist() for start in (0, 400, 800)
    ]
    assert batches.digests() == digests
    assert TrainingBatches(data, count=1, rows=2, seq_len=16).digests() == digests[:1]
    assert TrainingBatches(data, count=1, rows=32, seq_len=16).digests() == digests
    assert TrainingBatches(data, count=2, rows=40, seq_len=16).digests() == digests
    assert len(next(iter(TrainingBatches(data, count=1, rows=100, seq_len=16)))) == 100


def test_calibration_says_what_it_read_and_how_long_it_took(data_json: Path, checkpoint: Path) -> None:
    found = calibrate(checkpoint, data_json, SETTINGS)
    record, shards = found.record, Dataset.open(data_json).record["train"]["shards"]
    assert (record["batches"], record["rows"], record["tokens"]) == (3, 4, 192)
    assert record["shards"] == [shard["sha256"] for shard in shards]
    assert record["tensors"] == sorted(found.hessians)
    assert "blocks.0.attn.c_k.weight" not in found.hessians, "16 x 32 weights are kept in float16"
    assert record["seconds"] > 0


def test_a_validation_shard_among_those_read_is_refused(data_json: Path, checkpoint: Path, tmp_path: Path) -> None:
    record = json.loads(data_json.read_text())
    record["validation"]["shards"].append(record["train"]["shards"][1])
    for shard in [*record["train"]["shards"], *record["validation"]["shards"], record["tokenizer"]]:
        shard["path"] = str(data_json.parent / shard["path"])
    (tmp_path / "data.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="rule 7, validation unseen: calibration would read a validation shard"):
        calibrate(checkpoint, tmp_path / "data.json", SETTINGS)


def test_a_model_of_another_tokenizer_is_refused(data_json: Path, checkpoint: Path, tmp_path: Path) -> None:
    record = json.loads(data_json.read_text())
    record["tokenizer"]["vocab_size"] += 1
    (tmp_path / "data.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="calibration: the model has a vocabulary of"):
        calibrate(checkpoint, tmp_path / "data.json", SETTINGS)


@pytest.fixture
def exported(data_json: Path, checkpoint: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Calibrate and export with changed settings; gives the record."""

    def run(**changes: Any) -> dict[str, Any]:
        chosen = ExportSettings.model_validate({**SETTINGS.model_dump(), "clip": "spread", "matrix_bits": 4, **changes})
        found = calibrate(checkpoint, data_json, chosen)
        return export(checkpoint, chosen, tmp_path / "artifact.bin", tmp_path / "export.json", calibration=found)

    return run


def test_gptq_leaves_less_error_of_the_outputs_than_rounding(exported: Callable[..., dict[str, Any]]) -> None:
    rounded, chosen = exported(), exported(gptq=True)
    assert chosen["output_error"] < 0.8 * rounded["output_error"]
    assert chosen["output_error"] == chosen["attempts"][-1]["output_error"]
    before, after = ({row["name"]: row for row in record["tensors"]} for record in (rounded, chosen))
    assert after["blocks.1.mlp.proj.weight"]["mse"] > before["blocks.1.mlp.proj.weight"]["mse"]
    assert after["blocks.0.attn_scale"]["output_error"] is None
    assert chosen["calibration"]["batches"] == 3


def test_the_output_error_of_a_tensor_is_measured_on_what_is_read_back(
    exported: Callable[..., dict[str, Any]], data_json: Path, checkpoint: Path, tmp_path: Path
) -> None:
    record = exported(gptq=True, lqer_rank=2, lqer_tensors=1)
    stored, weights = load(tmp_path / "artifact.bin").tensors, weights_file.load(checkpoint)[1]
    found = calibrate(checkpoint, data_json, SETTINGS).hessians
    (corrected,) = (each["tensor"] for each in record["corrections"])
    for name in (corrected, "blocks.0.mlp.fc.weight"):
        row = next(row for row in record["tensors"] if row["name"] == name)
        root = torch.linalg.cholesky(found[name].double() + 1e-9 * torch.eye(len(found[name])), upper=True).T
        error, whole = ((each.double() @ root).square().sum() for each in (weights[name] - stored[name], weights[name]))
        assert row["output_error"] == pytest.approx(float(error / whole), rel=1e-3)


def test_an_evaluation_reads_an_artifact_with_corrections(
    exported: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    exported(gptq=True, lqer_rank=2, codec="brotli")
    gpt, digest = load_gpt(tmp_path / "artifact.bin")
    artifact = load(tmp_path / "artifact.bin")
    assert digest == artifact.sha256
    assert all(torch.equal(weight.cpu(), artifact.tensors[name]) for name, weight in gpt.state_dict().items())


def test_products_are_seen_however_they_are_called() -> None:
    matrix = torch.ones(2, 3)
    with (sums := calibration.InputSums([calibration.Product(matrix, ("w",), scale=2.0)])):
        F.linear(torch.ones(4, 3), matrix)
        F.linear(torch.ones(4, 3), torch.ones(2, 3))
    assert dict(sums.by_name())["w"].tolist() == [[16.0] * 3] * 3
