"""Legal TTT from files to records; a killed run goes on to the same digits."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from evaluate.small_study import SmallStudy, make_artifact
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.legal_ttt import identity, legal_ttt
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import SCORING_EXECUTION, LegalTTTSettings
from flowgolf.files import read_json
from flowgolf.resume import StateFolder

PROGRAM = """
import sys
from flowgolf.evaluate.legal_ttt import legal_ttt
from flowgolf.evaluate.settings import LegalTTTSettings
settings, *paths = sys.argv[1:]
legal_ttt(*paths[:2], LegalTTTSettings.model_validate_json(settings), *paths[2:], code='this code')
"""
SAME_AFTER_A_KILL = ("nats", "bytes", "tokens", "loss", "bpb", "ledger", "settings", "artifact_sha256")


def outputs(folder: Path) -> list[Path]:
    return [folder / name for name in ("legal_ttt.json", "legal_ttt.csv", "checks.json", "state")]


def run(study: SmallStudy, folder: Path, settings: LegalTTTSettings) -> dict:
    legal_ttt(study.artifact, study.data_json, settings, *outputs(folder), code="this code")
    return read_json(folder / "legal_ttt.json")


def start(study: SmallStudy, folder: Path, settings: LegalTTTSettings) -> subprocess.Popen:
    paths = [study.artifact, study.data_json, *outputs(folder)]
    command = [sys.executable, "-c", PROGRAM, settings.model_dump_json(), *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    limit = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < limit, "the evaluation ended before it saved a state"
        time.sleep(0.002)


def curve(folder: Path) -> list[list[str]]:
    with (folder / "legal_ttt.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [[row[key] for key in ("chunk", "positions", "running_bpb", "chunk_bpb", "rate")] for row in rows]


def test_it_leaves_a_whole_record_and_its_curve(study: SmallStudy, tmp_path: Path) -> None:
    record = run(study, tmp_path, study.legal_ttt(keep_nats=True))
    rows = curve(tmp_path)
    assert record["ledger"]["positions_scored"] == record["tokens"] == int(rows[-1][1])
    assert record["bpb"] == pytest.approx(float(rows[-1][2]), rel=1e-12)
    assert record["ledger"]["least_distance_to_frontier"] >= 1 and record["ledger"]["training_steps"] > 0
    assert [int(row[0]) for row in rows] == list(range(-(-record["tokens"] // 100)))
    with np.load(tmp_path / "legal_ttt.npz") as kept:
        assert kept["nats"].sum(dtype=np.float64) == record["nats"] and kept["nats"].dtype == np.float32
        assert kept["bytes"].sum() == record["bytes"]
        assert kept["starts_document"].sum() == 9  # ten documents, of which the first opens before any target
    book = read_json(tmp_path / "checks.json")
    assert [check["rule"] for check in book["checks"]] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 17, 18, 19]
    assert [event[0] for event in book["events"]] == ["score", "update"] * (len(rows) - 1) + ["score"]
    assert not (tmp_path / "state").exists()


def test_sigkill_changes_no_digit(study: SmallStudy, tmp_path: Path) -> None:
    settings = study.legal_ttt(keep_nats=True)
    whole = run(study, tmp_path / "whole", settings)
    killed = start(study, tmp_path / "killed", settings)
    wait_for(tmp_path / "killed/state/state.pt", killed)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed/legal_ttt.json").exists()
    assert start(study, tmp_path / "killed", settings).wait() == 0
    resumed = read_json(tmp_path / "killed/legal_ttt.json")
    assert {key: resumed[key] for key in SAME_AFTER_A_KILL} == {key: whole[key] for key in SAME_AFTER_A_KILL}
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    with np.load(tmp_path / "whole/legal_ttt.npz") as one, np.load(tmp_path / "killed/legal_ttt.npz") as other:
        assert all(np.array_equal(one[key], other[key]) for key in one)


def test_sigterm_saves_a_state_that_no_other_evaluation_takes_over(
    study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    settings = study.legal_ttt(save_every_chunks=1)
    process = start(study, tmp_path, settings)
    wait_for(tmp_path / "state/state.pt", process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert re.search(r"stopped by SIGTERM after chunk \d+ of \d+; the state is kept, run again to go on", errors)
    assert (tmp_path / "state/state.pt").exists() and not (tmp_path / "legal_ttt.json").exists()
    run(study, tmp_path, settings.model_copy(update={"lr": 0.01}))
    assert "saved by a run with other lr was 0.05 there and is 0.01 here: starting afresh" in capsys.readouterr().err


def test_how_an_artifact_is_scored_does_not_make_its_state_anothers(study: SmallStudy) -> None:
    data = Dataset.open(study.data_json)
    changes = {"threads": 2, "memory_mb": 5, "batch_windows": 3, "save_every_chunks": 4}
    assert changes.keys() == set(SCORING_EXECUTION)
    plain, changed = (identity("artifact", study.legal_ttt(**each), data, "code") for each in ({}, changes))
    assert plain == changed != identity("artifact", study.legal_ttt(epochs=7), data, "code")
    assert plain != identity("artifact", study.legal_ttt(), data, "other code")


@pytest.mark.parametrize("changes", [{"optimizer": "adamw", "lr": 0.01}, {"aux_loss": False}, {}])
def test_a_restored_run_goes_on_to_the_same_bits(study: SmallStudy, tmp_path: Path, changes: dict) -> None:
    data, settings = Dataset.open(study.data_json), study.legal_ttt(max_positions=450, **changes)
    first, second = (
        ScoreFirst(load_gpt(study.artifact)[0], data.validation, data.byte_table, settings) for _ in range(2)
    )
    folder = StateFolder(tmp_path / "state", {})
    for _ in range(2):
        first.run_chunk()
    folder.save(first.state())
    second.restore(folder.load())
    for each in (first, second):
        while not each.finished:
            each.run_chunk()
    assert np.array_equal(first.nats, second.nats)
    assert first.ledger.proof() == second.ledger.proof() and first.ledger.events == second.ledger.events
    drop = {"seconds"}
    assert [{key: row[key] for key in row.keys() - drop} for row in first.rows] == [
        {key: row[key] for key in row.keys() - drop} for row in second.rows
    ]


def test_an_artifact_for_another_vocabulary_is_refused(study: SmallStudy, tmp_path: Path) -> None:
    other = make_artifact(tmp_path / "other.bin", vocab_size=290)
    with pytest.raises(ValueError, match="made for a vocabulary of 290 pieces, but the data's tokenizer has 300"):
        legal_ttt(other, study.data_json, study.legal_ttt(), *outputs(tmp_path), code="this code")
