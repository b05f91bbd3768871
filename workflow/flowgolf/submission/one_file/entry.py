"""What the generated train_gpt.py does: score an artifact, or train one. Its settings stand at its end.

There is no option for anything that the rules of an evaluation are about: order, ledger, freezing and chunks are fixed.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from flowgolf.data.dataset import Dataset
from flowgolf.data.folder import folder_record
from flowgolf.evaluate import checks
from flowgolf.evaluate.artifact import check_vocabulary, load_gpt
from flowgolf.evaluate.legal_ttt import identity, run_to_end
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import EvaluateSettings
from flowgolf.export.artifact import export
from flowgolf.export.calibrate import calibrate
from flowgolf.export.settings import ExportSettings
from flowgolf.files import sha256, write_json
from flowgolf.model.settings import ModelSettings
from flowgolf.resume import StateFolder, seal_key
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.refereed_roundtrip import refereed_roundtrip
from flowgolf.scoring.score import Score, figures, total
from flowgolf.scoring.settings import WindowSettings
from flowgolf.scoring.slide import slide
from flowgolf.train import rank
from flowgolf.train.loop import train
from flowgolf.train.settings import TrainSettings

RANK = "rank"
STATE = Path("state")


def main(settings: Mapping[str, Any], program: str, arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks, in the current folder; a failure is one sentence and exit code 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == [RANK]:  # one process of a training on several devices, started by `train`
        return rank.main(Path(arguments[1]))
    chosen = parser().parse_args(arguments)
    if chosen.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        if chosen.command == "evaluate":
            for line in evaluate(settings, chosen.data, chosen.artifact, program, chosen.resume):
                print(json.dumps(line), flush=True)
        else:
            train_and_export(settings, chosen.data, chosen.seed, program, chosen.resume)
    except (ValueError, OSError, ArithmeticError, MemoryError) as error:
        hint = ", with --resume" if isinstance(error, InterruptedError) else ""
        print(f"{chosen.command} failed: {error}{hint}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(prog="train_gpt.py")
    commands = whole.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("evaluate", help="roundtrip, sliding-window and legal TTT score of an artifact")
    scoring.add_argument("--artifact", default="artifact.bin", help="file to score (artifact.bin)")
    training = commands.add_parser("train", help="train, and leave model.pt, train.csv, run.json and artifact.bin here")
    training.add_argument("--seed", type=int, required=True, help="seed of weights and draws")
    for each in (scoring, training):
        each.add_argument("--data", required=True, help="folder with the shards and their SentencePiece .model")
        each.add_argument("--resume", action="store_true", help="go on from ./state, which is left aside otherwise")
        each.add_argument("--device", choices=("auto", "cpu"), default="auto", help="auto: a GPU when there is one")
    return whole


def evaluate(
    settings: Mapping[str, Any], folder: str, artifact_path: str, program: str, resume: bool
) -> Iterator[dict[str, Any]]:
    """Scores of an artifact, one after the other; every evaluation's ledger is checked before its score is given."""
    chosen = EvaluateSettings.model_validate(settings["evaluate"])
    sliding, legal_ttt = chosen.sliding, chosen.legal_ttt
    dataset = Dataset(folder_record(folder, ["validation"], settings["model"]["vocab_size"]), Path(folder))
    stream, byte_table = dataset.validation, dataset.byte_table
    gpt, artifact_sha256 = load_gpt(artifact_path)
    check_vocabulary(gpt, dataset, artifact_path)

    def scored(name: str, score: Score, referee: Referee, seconds: float) -> dict[str, Any]:
        found = {"evaluation": name, **figures(score), "artifact_sha256": artifact_sha256, "data": dataset.identity()}
        checks.artifact_is_scored(artifact_path, artifact_sha256, [referee])
        return {**found, **referee.proof(seconds)}

    torch.set_num_threads(sliding.threads)
    started = time.monotonic()
    score, referee = refereed_roundtrip(gpt, stream, byte_table, sliding.max_positions)
    yield scored("roundtrip", score, referee, time.monotonic() - started)
    started = time.monotonic()
    referee = slide(gpt, stream, sliding, label="sliding")
    score = total(referee.finish(), byte_table, stream, 0)
    line = scored("sliding", score, referee, time.monotonic() - started)
    yield line | lawful(referee.ledger, score, sliding, len(stream))
    torch.set_num_threads(legal_ttt.threads)
    owner = identity(artifact_sha256, legal_ttt, dataset, sha256(program))
    state = fresh_unless(resume, StateFolder(STATE / "legal_ttt", owner, seal_key()))
    run = run_to_end(ScoreFirst(gpt, stream, byte_table, legal_ttt), state)
    score = total(run.referee.finish(), byte_table, stream, 0)
    line = scored("legal_ttt", score, run.referee, run.seconds)
    yield line | lawful(run.ledger, score, legal_ttt, len(stream))
    state.remove()


def fresh_unless(resume: bool, state: StateFolder) -> StateFolder:
    """A folder of saved states, emptied unless it was asked to go on from one."""
    if not resume:
        state.remove()
    return state


def lawful(ledger: Ledger, score: Score, settings: WindowSettings, num_tokens: int) -> dict[str, Any]:
    """The ledger's proof and what it shows; a broken rule is a CheckError."""
    shown = [
        checks.score_before_update(ledger.events),
        checks.scored_once(ledger.times_scored, 0, len(ledger.times_scored)),
        checks.no_update_after_last_score(ledger.events),
        checks.whole_validation_set(score, num_tokens, score.bytes, settings.max_positions),
    ]
    return {"checks": shown}


def train_and_export(settings: Mapping[str, Any], folder: str, seed: int, program: str, resume: bool) -> None:
    """Train under a seed, and export under the cap; goes on from ./state when asked to `resume`."""
    fresh_unless(resume, StateFolder(STATE / "train", {}))
    write_json("data.json", folder_record(folder, ["train", "validation"], settings["model"]["vocab_size"]))
    train(
        model_settings=ModelSettings.model_validate(settings["model"]),
        settings=TrainSettings.model_validate(settings["train"]),
        variant=settings["variant"],
        seed=seed,
        data_json="data.json",
        model_path="model.pt",
        curve_path="train.csv",
        record_path="run.json",
        state_dir=STATE / "train",
        command=(program, RANK),
    )
    chosen = ExportSettings.model_validate({**settings["export"], "code_bytes": Path(program).stat().st_size})
    calibration = calibrate("model.pt", "data.json", chosen) if chosen.calibration_batches else None
    record = export("model.pt", chosen, "artifact.bin", "export.json", calibration=calibration)
    print(json.dumps({key: record[key] for key in ("bytes_weights", "bytes_code", "bytes_total", "artifact_sha256")}))
