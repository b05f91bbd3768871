"""An arm whose export looks at training data, beside arms whose exports do not: in the workflow and in one file."""

import json
import subprocess
import sys
from copy import deepcopy

import pytest

from flowgolf.export.unpack import load
from flowgolf.files import read_json, sha256
from flowgolf.study.study import Study
from flowgolf.submission.one_file import bundle

pytestmark = pytest.mark.xdist_group("workflow")
GPTQ = {"clip": "spread", "gptq": True, "calibration_batches": 2, "calibration_rows": 8, "codec": "smallest",
        "mlp_bits": 5, "lqer_rank": 2}  # fmt: skip


@pytest.fixture(scope="module")
def calibrated(finished):
    """The clone after a launch with one more arm, of which everything but the export is the baseline's."""
    config = deepcopy(finished.config)
    config["variants"]["gptq"] = {"export": GPTQ}
    finished.write_config(config)
    planned = finished.planned()
    export = "results/tiny/runs/gptq/seed1/export/artifact.bin"
    done = finished.snakemake(export)
    assert done.returncode == 0, done.stdout + done.stderr
    yield finished, planned, config
    finished.write_config(finished.config)


def test_the_other_arms_are_left_alone(calibrated):
    _, planned, _ = calibrated
    assert planned["calibrated_export"] == planned["sliding"] == planned["legal_ttt"] == 2
    assert not {"train", "export", "tokens"} & planned.keys()


def test_the_record_says_what_the_calibration_read(calibrated):
    clone, _, _ = calibrated
    run = clone.results / "runs" / "gptq" / "seed1" / "export"
    record, training = read_json(run / "export.json"), read_json(clone.results / "data" / "data.json")["train"]
    assert record["calibration"]["shards"] == [shard["sha256"] for shard in training["shards"]]
    assert record["calibration"]["tokens"] == 2 * 8 * 32
    assert 0 < record["output_error"] < 0.1
    assert [each["codec"] for each in record["codecs"]] == ["zstd", "range", "brotli"]
    assert "data" in read_json(run / "made_from.json")["inputs"]
    assert load(run / "artifact.bin").sha256 == record["artifact_sha256"]


def test_the_generated_file_calibrates_to_the_same_artifact(calibrated, tmp_path):
    clone, _, config = calibrated
    values = Study(config).variants["gptq"].model_dump()
    values["export"]["code_bytes"] = None
    (tmp_path / "train_gpt.py").write_text(bundle.wrapped_train_gpt({"variant": "gptq", "seed": 1, **values}))
    command = [sys.executable, "-P", "train_gpt.py", "train", "--data", str(clone.results / "data"), "--seed", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["artifact_sha256"] == sha256(tmp_path / "artifact.bin")
    assert sha256(tmp_path / "artifact.bin") == sha256(clone.results / "runs/gptq/seed1/export/artifact.bin")
