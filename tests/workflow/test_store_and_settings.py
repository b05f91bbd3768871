"""A setting that is switched away and back trains nothing, where there is a store of finished results."""

import re
from copy import deepcopy

import pytest

pytestmark = pytest.mark.xdist_group("workflow")
RUN = "results/tiny/runs/switched/seed1/train"


def test_switching_a_setting_away_and_back_trains_nothing(clone, tmp_path):
    weights = []
    for steps in (4, 5, 4):
        config = deepcopy(clone.config)
        config["variants"]["switched"] = {"train": {"steps": steps}}
        clone.write_config(config)
        if weights:
            shown = clone.snakemake("status").stdout
            assert re.search(r"^\| switched +\| 1 .*train outdated: other settings", shown, re.MULTILINE), shown
        done = clone.snakemake(f"{RUN}/run.json", "--config", f"cache={tmp_path / 'store'}")
        assert done.returncode == 0, done.stderr
        weights.append((clone.folder / RUN / "model.safetensors").read_bytes())
    assert "train switched seed 1: from the store" in done.stderr
    assert weights[0] == weights[2] != weights[1]


def test_text_of_the_user_is_an_input_by_content(clone):
    folder = clone.folder / "corpus"
    folder.mkdir(exist_ok=True)
    words = [
        f"Document {number} of the corpus has a few words of its own: {'word ' * number}." for number in range(120)
    ]
    for number, text in enumerate(words):
        (folder / f"{number:03}.txt").write_text(text)
    config = deepcopy(clone.config)
    config["name"] = "texts"
    config["data"] = {"source": "text", "paths": ["corpus"], "tokenizer": {"vocab_size": 300}}
    config["base"]["model"]["vocab_size"] = 300
    clone.write_config(config)
    target = "results/texts/data/data.json"
    done = clone.snakemake(target)
    assert done.returncode == 0, done.stderr
    (folder / "000.txt").touch()
    assert clone.planned(target) == {}
    (folder / "000.txt").write_text("Another text.")
    assert clone.planned(target) == {"tokenizer": 1, "tokens": 1}
    (folder / "000.txt").write_text(words[0])
    assert clone.planned(target) == {}
    (folder / "001.txt").unlink()
    assert clone.planned(target) == {"tokenizer": 1, "tokens": 1}
    for path in folder.glob("*"):
        path.unlink()
    told = clone.snakemake("-n", target)
    assert "study.yaml: data: corpus: no file with an accepted extension" in told.stdout + told.stderr
