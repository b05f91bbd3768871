import io
import pickle

import pytest
import torch
import zstandard

from flowgolf.model.gpt import GPT
from flowgolf.model.published import read


@pytest.fixture
def settings(tiny):
    return tiny(flow_matcher={"hidden_dim": 24})


@pytest.fixture
def weights(settings, busy_gpt):
    return {name: weight.clone() for name, weight in busy_gpt(settings).state_dict().items()}


@pytest.fixture
def quantised(weights):
    """What the published script stores: small tensors as float16, others as integers with scales."""
    w, m = {}, {}
    for name, weight in weights.items():
        if weight.numel() <= 512:
            w[name], m[name] = weight.half(), "passthrough"
        else:
            scale = (weight.abs().amax(1) / 31).half()
            w[f"{name}.q"] = (weight / scale.float()[:, None]).round().to(torch.int8)
            w[f"{name}.scale"], m[name] = scale, {"type": "int6"}
    return {"w": w, "m": m}


def write_ptz(path, content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(zstandard.compress(buffer.getvalue(), 3))
    return path


def test_state_dict(tmp_path, settings, weights):
    weights["tok_emb.weight"] = weights["tok_emb.weight"].bfloat16()  # the published script keeps some so
    torch.save(weights, tmp_path / "model.pt")
    loaded = read(tmp_path / "model.pt", settings)
    GPT(settings).load_state_dict(loaded)
    for name, weight in loaded.items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, weights[name].float())


def test_quantised(tmp_path, settings, weights, quantised):
    path = write_ptz(tmp_path / "model.int6.ptz", quantised)
    loaded = read(path, settings)
    GPT(settings).load_state_dict(loaded)
    assert any(name.endswith(".q") for name in quantised["w"])
    for name, weight in loaded.items():
        assert weight.dtype == torch.float32
        assert (weight - weights[name]).abs().max() < 0.02, name


def test_quantised_with_one_scale_for_a_vector(tmp_path, settings, quantised):
    name = "smear.gate"
    del quantised["w"][name]
    quantised["w"][f"{name}.q"] = torch.arange(32, dtype=torch.int8)
    quantised["w"][f"{name}.scale"] = torch.tensor(0.5)
    loaded = read(write_ptz(tmp_path / "model.int6.ptz", quantised), settings)
    assert torch.equal(loaded[name], torch.arange(32) * 0.5)


def test_names_and_shapes_that_do_not_fit(tmp_path, settings, weights):
    weights["extra.weight"] = weights.pop("blocks.1.attn.c_q.weight")
    weights["smear.gate"] = torch.zeros(31)
    weights["bigram.scale"] = 0.05
    torch.save(weights, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt does not fit the model settings") as error:
        read(tmp_path / "model.pt", settings)
    for part in (
        "missing blocks.1.attn.c_q.weight",
        "left over extra.weight",
        r"smear.gate is (31,), expected (32,)",
        "bigram.scale is float, expected ()",
    ):
        assert part in str(error.value)


def test_a_part_too_few_or_too_many(tmp_path, tiny, settings, weights):
    torch.save(weights, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="left over native_flow.gate, native_flow.time_proj.0.bias"):
        read(tmp_path / "model.pt", tiny())
    with pytest.raises(ValueError, match="missing flow_refiner.down_proj.weight"):
        read(tmp_path / "model.pt", tiny(flow_matcher={"hidden_dim": 24}, flow_refiner={}))


def test_quantised_names_that_do_not_match(tmp_path, settings, quantised):
    path = tmp_path / "model.int6.ptz"
    quantised["w"]["stray.q"] = torch.zeros(2)
    with pytest.raises(ValueError, match="left over in w, without an entry in m: stray.q"):
        read(write_ptz(path, quantised), settings)
    quantised["m"]["absent"] = "passthrough"
    with pytest.raises(ValueError, match=r"m names absent, but w holds neither it nor its \.q and \.scale"):
        read(write_ptz(path, quantised), settings)
    with pytest.raises(ValueError, match="expected two dictionaries, w and m, found weights"):
        read(write_ptz(path, {"weights": {}}), settings)
    with pytest.raises(ValueError, match="expected two dictionaries, w and m, found m, w"):
        read(write_ptz(path, {"w": torch.zeros(1), "m": {}}), settings)


def test_scales_that_do_not_fit_their_integers(tmp_path, settings, quantised):
    quantised["w"]["tok_emb.weight.scale"] = torch.ones(3)
    with pytest.raises(ValueError, match=r"tok_emb.weight has integers of shape \[\d+, \d+\] and scales of \[3\]"):
        read(write_ptz(tmp_path / "model.int6.ptz", quantised), settings)


def test_a_file_that_unpacks_without_bound_is_refused(tmp_path, settings):
    path = tmp_path / "model.int6.ptz"
    path.write_bytes(zstandard.compress(bytes(2**28 + 1), 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="model.int6.ptz: unpacks to more than 268435456 bytes"):
        read(path, settings)


def test_a_file_that_would_run_code_is_refused(tmp_path, settings):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    torch.save({"w": Harmful()}, tmp_path / "model.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Harmful(), protocol=2))
    for name in ("model.pt", "plain.pt"):
        with pytest.raises(ValueError, match=rf"{name}: not a torch file that holds nothing but tensors"):
            read(tmp_path / name, settings)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.pt", b"", "model.pt: not a torch file"),
        ("model.pt", b"PK\x03\x04 cut", "model.pt: not a torch file"),
        ("model.int6.ptz", b"not compressed", r"model.int6.ptz: not readable as zstandard"),
        ("model.bin", b"", r"model.bin: a published checkpoint ends in .pt or .int6.ptz"),
    ],
)
def test_foreign_files(name, content, message, tmp_path, settings):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name, settings)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_file(share, tmp_path, settings, weights, quantised):
    torch.save(weights, tmp_path / "model.pt")
    write_ptz(tmp_path / "model.int6.ptz", quantised)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(ValueError, match=rf"{path.name}: not "):
            read(path, settings)


def test_not_a_dictionary(tmp_path, settings):
    torch.save([torch.zeros(1)], tmp_path / "model.pt")
    with pytest.raises(ValueError, match="model.pt: expected a dictionary of tensors, found list"):
        read(tmp_path / "model.pt", settings)
