"""The envelope of a script: what is there already is not made again, and nothing stale passes for it."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from flowgolf import provenance
from flowgolf.files import read_json, write_json
from flowgolf.running.launches import LAUNCH, announce
from flowgolf.running.stage import device_kind, stage
from flowgolf.study.runtime import runtime

SCRIPT = "train"
SETTINGS = {"train": {"steps": 6}}


class Named(dict):
    """Snakemake's named lists, as far as a script uses them."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where Snakemake runs, with the record of some data in it."""
    monkeypatch.chdir(tmp_path)
    Path("data.json").write_text("data")
    return tmp_path


def job_of(variant="nfm", seed=1, settings=SETTINGS, cache=None, extra=None):
    run = f"results/tiny/runs/{variant}/seed{seed}/train"
    Path(run).mkdir(parents=True, exist_ok=True)
    code = provenance.fingerprint(provenance.WORKFLOW / "scripts" / f"{SCRIPT}.py")
    params = Named(
        asked=json.dumps({"stage": "train", "script": SCRIPT, "modules": [], "identified": settings,
                          "settings": settings, "equal_versions": {}, "cache": cache, "extra": extra or {}}),
        identity=provenance.label(settings, code, runtime({})),
        failure=f"failed/train/{variant}/seed{seed}.json",
    )  # fmt: skip
    return SimpleNamespace(
        rule="train", params=params, log=["train.log"], input=Named(data="data.json"), resources=Named(gpu=1),
        wildcards=Named(variant=variant, seed=str(seed)),
        output=Named(model=f"{run}/model.bin", record=f"{run}/run.json", made_from=f"{run}/made_from.json"),
    )  # fmt: skip


def run(job, content="weights"):
    """Whether the body ran; it leaves `content`."""
    ran = False
    try:
        with stage(job) as running:
            ran = True
            assert (running.variant, running.seed) == (job.wildcards.variant, int(job.wildcards.seed))
            for name, path in {**job.output, **json.loads(job.params.asked)["extra"]}.items():
                if name != "made_from":
                    text = json.dumps({"variant": running.variant}) if name == "record" else content
                    Path(path).write_text(text)
    except SystemExit as end:
        assert end.code == 0
        assert not ran
    return ran


def test_a_result_says_what_it_was_made_from(folder):
    assert run(job_of())
    made_from = read_json("results/tiny/runs/nfm/seed1/train/made_from.json")
    assert made_from["settings"] == SETTINGS
    assert made_from["seed"] == 1
    assert set(made_from["outputs"]) == {"model.bin", "run.json"}
    assert made_from["code"]["scripts/train.py"]
    assert made_from["label"] == job_of().params.identity


def test_what_is_unchanged_is_not_computed_and_is_dated_now(folder, capsys):
    run(job_of())
    before = Path(job_of().output.model).stat().st_mtime_ns
    assert not run(job_of())
    assert Path(job_of().output.model).stat().st_mtime_ns > before
    assert "train nfm seed 1: unchanged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Path("data.json").write_text("other data"),
        lambda: Path(job_of().output.model).write_text("tampered"),
        lambda: Path(job_of().output.record).unlink(),
        lambda: Path(job_of().output.made_from).unlink(),
        lambda: Path(job_of().output.made_from).write_text("{"),
    ],
    ids=["input", "tampered", "incomplete", "of an older version", "damaged"],
)
def test_anything_else_is_computed(folder, spoil):
    run(job_of())
    spoil()
    assert run(job_of())


def test_other_settings_or_another_seed_are_computed(folder):
    run(job_of())
    assert run(job_of(settings={"train": {"steps": 7}}))
    assert run(job_of(seed=2))


def test_a_renamed_variant_takes_what_it_has_under_the_old_name(folder, capsys):
    run(job_of())
    assert not run(job_of("renamed"))
    assert Path(job_of("renamed").output.model).read_text() == "weights"
    assert "taken from results/tiny/runs/nfm/seed1/train" in capsys.readouterr().err


@pytest.mark.parametrize("cache", [None, "store"], ids=["beside it", "from a store"])
def test_a_result_that_is_taken_says_the_name_under_which_it_is_used(folder, cache):
    run(job_of(cache=cache))
    if cache:
        shutil.rmtree("results")
    assert not run(job_of("renamed", cache=cache))
    assert read_json(job_of("renamed").output.record)["variant"] == "renamed"
    assert not run(job_of("renamed"))  # and what it was made from knows of it


def test_the_same_data_elsewhere_are_the_same_data(folder):
    def write(path, shard, tokenizer, source):
        part = {"shards": [{"path": path, "tokens": 5, "sha256": shard}], "documents": 1}
        record = {"train": part, "validation": part, "tokenizer": {"path": f"{path}.model", "sha256": tokenizer}}
        write_json("data.json", {**record, "source": source})

    write("../../shards/1.bin", "aa", "bb", {"path": "here"})
    run(job_of())
    write("../../../../shards/1.bin", "aa", "bb", {"path": "there"})
    assert not run(job_of())
    write("../../shards/1.bin", "another", "bb", {"path": "here"})
    assert run(job_of())
    write("../../shards/1.bin", "another", "another", {"path": "here"})
    assert run(job_of())


def test_a_deleted_folder_is_forgotten(folder):
    run(job_of())
    for path in job_of().output.values():
        Path(path).unlink()
    assert run(job_of())


def test_with_a_store_it_comes_back(folder, capsys):
    run(job_of(cache="store"))
    for path in job_of().output.values():
        Path(path).unlink()
    assert not run(job_of(cache="store"))
    assert "from the store store" in capsys.readouterr().err
    assert run(job_of(settings={"train": {"steps": 7}}, cache="store"))


def test_files_beside_the_declared_outputs_belong_to_the_result(folder):
    extra = {"nats": "results/tiny/runs/nfm/seed1/train/nats.npz"}
    run(job_of(extra=extra))
    assert not run(job_of(extra=extra))
    Path(extra["nats"]).unlink()
    assert run(job_of(extra=extra))


def test_a_failure_leaves_no_half_result(folder):
    run(job_of())
    Path("data.json").write_text("other data")
    with pytest.raises(SystemExit) as end, stage(job_of()):
        Path(job_of().output.model).write_text("half")
        raise ValueError("the loss is not finite")
    assert end.value.code == 1
    assert not Path(job_of().output.made_from).exists()
    assert read_json("failed/train/nfm/seed1.json")["message"] == "the loss is not finite"


def test_code_that_changed_since_the_launch_is_refused(folder, capsys):
    job = job_of()
    job.params["identity"] = "settings 000000000000, code 000000000000, versions none"
    with pytest.raises(SystemExit), stage(job):
        raise AssertionError("computed")
    told = capsys.readouterr().err
    assert "has changed since this launch was planned, or this node has another" in told
    assert "(planned: settings 000000000000, code 000000000000, versions none; here: settings " in told
    assert "start Snakemake again, and leave the code alone while jobs wait" in told


def test_on_a_node_the_launch_says_what_was_planned(folder, capsys, monkeypatch):
    """Since a node plans its job anew, with the code that lies there then."""
    monkeypatch.setenv(LAUNCH, "")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    planned = job_of().params.identity
    announce(folder, "tiny_1", None, [planned])
    assert run(job_of())
    announce(folder, "tiny_1", "7", [])  # the main process is that job itself, which has planned this one
    assert run(job_of(seed=4))
    before = planned.replace("code ", "code of-before-")
    announce(folder, "tiny_1", None, [before, before.replace("settings ", "settings of-another-variant-")])
    with pytest.raises(SystemExit), stage(job_of(seed=2)):
        raise AssertionError("computed")
    assert f"(planned: {before}; here: {planned})" in capsys.readouterr().err
    announce(folder, "tiny_1", None, ["0123456789ab"])
    tokens = job_of(seed=3)
    tokens.params = Named(failure="failed/tokens.json", code="ba9876543210")
    with pytest.raises(SystemExit), stage(tokens):
        raise AssertionError("computed")
    assert "(planned: 0123456789ab; here: ba9876543210)" in capsys.readouterr().err


def test_a_rule_that_makes_no_result_always_runs(folder):
    job = SimpleNamespace(
        rule="tables", params=Named(failure="failed/tables.json"), log=["a.log"], input=Named(), wildcards=Named(),
        output=Named(), resources=Named(),
    )  # fmt: skip
    for _ in range(2):
        with stage(job) as running:
            assert (running.variant, running.seed, running.settings) == ("", 0, {})


def test_a_driver_whose_gpus_torch_cannot_use_is_told_and_nothing_computed(folder, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("flowgolf.running.stage.driver_gpus", lambda: ["0", "1"])
    blind = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: False), version=SimpleNamespace(cuda=None), __version__="2.13.0+cpu"
    )
    monkeypatch.setitem(sys.modules, "torch", blind)
    with pytest.raises(SystemExit), stage(job_of()):
        raise AssertionError("computed")
    said = capsys.readouterr().err
    assert "the driver shows a GPU that torch 2.13.0+cpu, built without CUDA, cannot use" in said
    blind.cuda.is_available = lambda: True
    assert device_kind() == "cuda"
    blind.cuda.is_available = lambda: False
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_kind() == "cpu"


def test_a_gpu_that_a_cluster_names_and_no_driver_shows_is_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr("flowgolf.running.stage.driver_gpus", list)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)))
    assert device_kind() == "cpu"
