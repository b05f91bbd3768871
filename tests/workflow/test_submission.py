"""A submission folder made by the workflow; its train_gpt.py alone gives the workflow's digits."""

import json
import re
import shutil
import zlib
from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from flowgolf.files import sha256
from flowgolf.study.study import Study
from flowgolf.submission.one_file import bundle
from four_packages import four_package_interpreter, run_alone

pytestmark = pytest.mark.xdist_group("workflow")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with torch, numpy, sentencepiece and zstandard alone."""
    return four_package_interpreter(tmp_path_factory.mktemp("four") / "venv")


@pytest.fixture(scope="module")
def submission(finished) -> Path:
    """The folder of nfm, as `snakemake audit` leaves it, which makes what `submission` does and reads it."""
    finished.write_config(finished.config)
    done = finished.snakemake("audit")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "audit/nfm.md: The logs give val_bpb" in done.stderr
    return finished.results / "submission" / "nfm"


@pytest.fixture
def empty(submission: Path, tmp_path: Path) -> Path:
    """A folder with nothing but train_gpt.py."""
    shutil.copy(submission / "train_gpt.py", tmp_path)
    return tmp_path


def alone(python: Path, folder: Path, *arguments: str) -> list[dict]:
    done = run_alone(python, folder, "train_gpt.py", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_interpreter_has_none_of_the_projects_other_packages(python: Path, tmp_path: Path) -> None:
    done = run_alone(python, tmp_path, "-c", "import torch, numpy, sentencepiece, zstandard, pydantic")
    assert "No module named 'pydantic'" in done.stderr


def test_evaluation_in_an_empty_folder_gives_the_pipelines_digits(clone, python, submission, empty) -> None:
    shutil.copy(submission / "train_gpt_readable.py", empty / "train_gpt.py")  # not in its wrapper, as below
    shutil.copy(submission / "artifact.bin", empty)
    scores = {
        line["evaluation"]: line for line in alone(python, empty, "evaluate", "--data", str(clone.results / "data"))
    }
    run = clone.results / "runs" / "nfm" / "seed1"
    sliding, legal_ttt = (json.loads((run / name / f"{name}.json").read_text()) for name in ("sliding", "legal_ttt"))
    for name, ours in [("roundtrip", sliding["roundtrip"]), ("sliding", sliding), ("legal_ttt", legal_ttt)]:
        assert [scores[name][key] for key in ("nats", "bytes", "tokens", "bpb")] == [
            ours[key] for key in ("nats", "bytes", "tokens", "bpb")
        ]
    assert scores["legal_ttt"]["ledger"] == legal_ttt["ledger"]
    assert scores["legal_ttt"]["artifact_sha256"] == legal_ttt["artifact_sha256"]
    assert sorted(path.name for path in empty.iterdir()) == ["artifact.bin", "state", "train_gpt.py"]


TIMES = re.compile(r"(seconds):\S+")


def without_times(log: str) -> list[str]:
    """The lines of a log without seconds and without those that say where and when it was made."""
    return [TIMES.sub(r"\1", line) for line in log.splitlines() if not line.startswith("made ")]


def test_the_log_of_a_seed_is_what_the_file_prints(clone, python, submission, empty) -> None:
    done = run_alone(python, empty, "train_gpt.py", "run", "--data", str(clone.results / "data"))
    assert done.returncode == 0, done.stderr
    ours, theirs = ((folder / "train_seed1.log").read_text() for folder in (submission, empty))
    assert theirs == done.stdout
    assert without_times(theirs) == without_times(ours)
    run = clone.results / "runs" / "nfm" / "seed1"
    assert (empty / "model.safetensors").read_bytes() == (run / "train" / "model.safetensors").read_bytes()
    assert sha256(empty / "artifact.bin") == sha256(run / "export" / "artifact.bin")
    curves = [pd.read_csv(path).drop(columns="seconds") for path in (empty / "train.csv", run / "train" / "train.csv")]
    pd.testing.assert_frame_equal(*curves, check_exact=True)


def test_torchrun_starts_the_file_as_the_challenge_does(clone, python, submission, empty) -> None:
    (empty / "data").symlink_to(clone.results / "data")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "train_gpt.py"]
    done = run_alone(python, empty, *launcher)
    assert done.returncode == 0, done.stderr
    log = (empty / "train_seed1.log").read_text()
    assert log == done.stdout  # of one process: two would have printed every line twice
    ours = without_times((submission / "train_seed1.log").read_text())
    figures = [numbers(line) for line in ours if not line.startswith(("train {", "export"))]
    theirs = [numbers(line) for line in without_times(log) if not line.startswith(("train {", "export"))]
    assert len(theirs) == len(figures) > 15
    for line, expected in zip(theirs, figures, strict=True):
        assert line == pytest.approx(expected, rel=1e-5)
    assert json.loads((empty / "run.json").read_text())["sessions"][0]["devices"] == 2
    left = {"artifact.bin", "data", "data.json", "export.json", "model.safetensors", "run.json", "state", "train.csv"}
    assert {path.name for path in empty.iterdir()} == {*left, "train_gpt.py", "train_seed1.log"}


def numbers(line: str) -> list[float]:
    """The numbers of a line of a log, without digests."""
    return [float(text) for text in re.findall(r":(-?[\d.]+(?:e-?\d+)?)(?= |$)", line)]


def test_training_on_two_processes_starts_the_same_file_again(clone, python, tmp_path) -> None:
    settings = Study(clone.config).variants["nfm"].model_dump()
    settings["train"] |= {"devices": 2}
    (tmp_path / "train_gpt.py").write_text(bundle.train_gpt({"variant": "nfm", "seed": 1, **settings}))
    (record,) = alone(python, tmp_path, "train", "--data", str(clone.results / "data"))
    assert record["bytes_total"] == (tmp_path / "artifact.bin").stat().st_size + bundle.size_bytes(settings)
    assert json.loads((tmp_path / "run.json").read_text())["sessions"][0]["devices"] == 2


def test_the_audit_of_the_folder_has_no_error(clone, submission) -> None:
    findings = json.loads((clone.results / "audit" / "nfm.json").read_text())
    assert findings["counts"]["error"] == 0
    assert (clone.results / "audit" / "base.md").read_text().startswith("# Audit of base")


def test_the_code_that_counts_is_the_file_that_is_submitted(clone, submission) -> None:
    record = json.loads((submission / "submission.json").read_text())
    counted = json.loads((clone.results / "runs" / "nfm" / "seed1" / "export" / "export.json").read_text())[
        "bytes_code"
    ]
    assert record["bytes_code"] == counted == (submission / "train_gpt.py").stat().st_size
    assert record["bytes_total"] == counted + (submission / "artifact.bin").stat().st_size


def test_evaluation_settings_and_small_edits_export_nothing_again(clone, submission) -> None:
    path = clone.folder / "workflow/flowgolf/scoring/ledger.py"
    path.write_text(path.read_text().replace("is scored a second time", "is scored one more time"))
    assert not {"train", "export"} & clone.planned().keys()


def test_code_of_another_size_exports_again_and_trains_nothing(clone, submission) -> None:
    path = clone.folder / "workflow/flowgolf/submission/one_file/entry.py"
    random = "".join(hex(zlib.crc32(b"%d" % number)) for number in range(bundle.BLOCK_BYTES // 4))  # not to be packed
    text = path.read_text().replace("def main(", f"LONG = {random!r}\n\n\ndef main(")
    path.write_text(
        re.sub("Do what", "Do LONG", text).replace("    chosen = parser(", "    assert LONG\n    chosen = parser(")
    )
    planned = clone.planned()
    assert planned["export"] == 5
    assert "train" not in planned


def test_a_part_that_one_file_cannot_hold_is_told_before_any_job(clone, submission) -> None:
    path = clone.folder / "workflow/flowgolf/model/mlp.py"
    path.write_text(path.read_text() + "\nprint('ready')\n")
    dry = clone.snakemake("-n")
    assert dry.returncode != 0
    told = (
        "export.code_bytes: null counts the generated train_gpt.py, which cannot be made: flowgolf.model.mlp: `print("
    )
    assert told in dry.stdout + dry.stderr


def test_a_study_that_declares_other_code_cannot_be_submitted(clone, submission) -> None:
    config = deepcopy(clone.config)
    config["variants"]["other"] = {"export": {"code_bytes": 115_032}}
    config["submission"]["variants"] = ["other"]
    config["seeds"] = [1]
    clone.write_config(config)
    done = clone.snakemake("submission")
    assert done.returncode != 0
    assert "submission other failed: seed 1: rule 11: the export counted 115032 bytes of code" in done.stderr
    assert not (clone.results / "submission" / "other" / "submission.json").exists()


def test_a_study_without_a_submission_block_says_what_is_missing(clone) -> None:
    config = {key: block for key, block in clone.config.items() if key != "submission"}
    clone.write_config(config)
    done = clone.snakemake("submission")
    assert done.returncode != 0
    assert "study.yaml: submission: missing; say who submits what, as config/config.yaml does" in done.stderr
    assert yaml.safe_load((clone.folder / "study.yaml").read_text()) == config
