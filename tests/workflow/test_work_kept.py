"""No finished work is done twice or thrown away: on the real Snakefile, after a real run."""

from copy import deepcopy

import pytest

from flowgolf.files import read_json
from flowgolf.study.study import Study

pytestmark = pytest.mark.xdist_group("workflow")
TRAINED = "results/tiny/runs/{}/seed1/train"


def run(clone, *targets):
    """What Snakemake says of targets that it makes."""
    done = clone.snakemake(*targets)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_how_something_is_computed_reruns_nothing(clone):
    config = deepcopy(clone.config)
    config["base"]["train"] |= {"threads": 2, "tensorboard": True, "checkpoint_every": 5}
    for name in ("sliding", "legal_ttt"):
        config["base"]["evaluate"][name] |= {"threads": 2, "memory_mb": 5, "batch_windows": 3}
    config["base"]["evaluate"]["legal_ttt"]["save_every_chunks"] = 3
    clone.write_config(config)
    assert clone.planned() == {}


def test_the_number_of_devices_identifies_nothing(config):
    config["base"]["train"]["micro_batches"] = 2
    one = Study(config).identity("train", "base")
    config["base"]["train"]["devices"] = 2
    assert Study(config).identity("train", "base") == one


@pytest.mark.parametrize("removed", [True, False], ids=["a rename", "an arm that shares them is removed"])
def test_what_another_name_has_made_is_taken_from_there(clone, removed):
    config = deepcopy(clone.config)
    name = "renamed" if removed else "shares"
    config["variants"] = {name: config["variants"]["nfm"], "base": config["variants"]["base"]}  # and another order
    config["sweeps"], config["report"] = {}, {**config["report"], "two_by_two": ["base", name], "pairs": []}
    clone.write_config(config)
    told = run(clone, f"{TRAINED.format(name)}/run.json")
    assert f"train {name} seed 1: taken from results/tiny/runs/" in told
    record = read_json(clone.folder / TRAINED.format(name) / "run.json")
    assert record["variant"] == name
    before = read_json(clone.folder / TRAINED.format("nfm") / "run.json")
    assert record["ended_at"] == before["ended_at"]
    assert "train base" not in told


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(bytes(9))])
def test_a_shard_that_is_gone_or_changed_is_made_again_and_no_training(clone, spoil):
    shard = next(path for path in (clone.results / "data" / "shards").iterdir() if "train" in path.name)
    before = shard.read_bytes()
    spoil(shard)
    told = run(clone, "results/tiny/data/data.json")
    assert f"{shard.relative_to(clone.folder)} is " in told
    assert "the data are made again" in told
    assert shard.read_bytes() == before
    assert clone.planned() == {}


def test_saved_states_of_settings_that_are_gone_are_removed_on_request(clone):
    run(clone, "clean")  # whatever other tests have left
    old = clone.results / "state" / "train" / "nfm" / "seed1-000000000000"
    old.mkdir(parents=True)
    (old / "state.pt").write_bytes(bytes(1_000_000))
    told = run(clone, "clean")
    assert "results/tiny/state: removed 1 saved states of settings or code that are gone (1.0 MB)" in told
    assert not old.exists()
    assert "every saved state belongs to a run of the study" in run(clone, "clean")
