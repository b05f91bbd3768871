"""Without a shared file system: jobs find what they read, and leave what they make, through a storage provider."""

import shutil

import pytest

from flowgolf.files import read_json, sha256
from tiny_clone import Clone

pytestmark = pytest.mark.xdist_group("workflow")
RUN = "results/tiny/runs/nfm/seed1"


@pytest.fixture
def machine(tmp_path):
    """Makes a machine of its own: a clone in another folder, and Snakemake there with the one storage."""

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        clone = Clone(folder)
        provider = ("--default-storage-provider", "fs", "--default-storage-prefix", str(tmp_path / "storage"))

        def snakemake(*arguments):
            done = clone.snakemake(*arguments, *provider, "--shared-fs-usage", "none")
            return done.returncode, done.stdout + done.stderr

        return clone, snakemake

    (tmp_path / "storage").mkdir()
    return make


def test_two_machines_share_a_storage_and_no_file_system(finished, machine, tmp_path):
    storage = tmp_path / "storage"
    one, snakemake = machine("one")
    code, said = snakemake("results/tiny/data/data.json")
    assert code == 0, said
    for path in (finished.results / "data" / "shards").iterdir():
        assert sha256(storage / path.relative_to(finished.folder)) == sha256(path)
    assert not (one.results / "data").exists()
    for stage in ("train", "export"):  # as another machine would have left them
        shutil.copytree(finished.folder / RUN / stage, storage / RUN / stage, copy_function=shutil.copyfile)

    other, snakemake = machine("other")
    code, said = snakemake(f"{RUN}/sliding/made_from.json")
    assert code == 0, said
    assert said.count("Finished jobid") == 1
    keys = [read_json(folder / RUN / "sliding/made_from.json")["key"] for folder in (storage, finished.folder)]
    assert keys[0] == keys[1]
    assert not (other.results / "runs").exists()

    code, said = snakemake("-n")
    assert code == 1
    assert "tables and the report read all results in one folder: make the target `every_result`, copy results/" in said
    other.write_config({**other.config, "base": with_nats(other.config["base"])})
    assert "study.yaml: base.evaluate.sliding.keep_nats: true for base; needs a file system" in snakemake("-n")[1]
    folder = finished.results / "data"
    data = {"source": "shards", "path": str(folder / "shards"), "tokenizer_model": str(folder / "tokenizer.model")}
    other.write_config({**other.config, "data": data})
    assert "study.yaml: data.source: shards needs a file system that all jobs share" in snakemake("-n")[1]


def with_nats(base):
    """The settings of all arms, keeping the losses of positions."""
    evaluate = base["evaluate"]
    return {**base, "evaluate": {**evaluate, "sliding": {**evaluate["sliding"], "keep_nats": True}}}
