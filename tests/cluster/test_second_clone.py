"""Two clones that share a store share their trainings."""

import pytest

pytestmark = pytest.mark.xdist_group("cluster")


def test_a_second_clone_trains_nothing(finished, second):
    clone, running = second
    said = running.wait(seconds=300)
    assert running.process.returncode == 0, said
    for variant in ("base", "nfm", "pair"):
        assert f"train {variant} seed 1: from the store" in clone.log(variant)
        for name in ("run.json", "model.safetensors", "train.csv"):
            trained, fetched = (each.run_folder(variant) / "train" / name for each in (finished.clone, clone))
            assert trained.read_bytes() == fetched.read_bytes()
