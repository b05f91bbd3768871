"""What the generated train_gpt.py does: score an artifact, train one, or both. Its settings stand at its end.

There is no option for anything that the rules of an evaluation are about: order, ledger, freezing and chunks are fixed.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowgolf.data.folder import folder_record
from flowgolf.evaluate.settings import EvaluateSettings
from flowgolf.export.artifact import export
from flowgolf.export.calibrate import calibrate
from flowgolf.export.settings import ExportSettings
from flowgolf.files import write_json
from flowgolf.model.registry import kept_in_files
from flowgolf.model.settings import ModelSettings
from flowgolf.resume import StateFolder
from flowgolf.running import lines
from flowgolf.running.facts import run_record
from flowgolf.submission.one_file.evaluation import STATE, evaluate, fresh_unless
from flowgolf.submission.one_file.processes import device_of_process, processes, shared_settings
from flowgolf.submission.one_file.run_log import RunLog, tell_row
from flowgolf.train import rank
from flowgolf.train.distributed import LostContactError, Ranks
from flowgolf.train.loop import train
from flowgolf.train.process import run_process
from flowgolf.train.run import TrainingRun
from flowgolf.train.settings import TrainSettings

RANK, TELL = "rank", "tell"
EXPORT_FIGURES = ("bytes_weights", "bytes_code", "bytes_total", "artifact_sha256")
FAILURES = (ValueError, OSError, ArithmeticError, MemoryError)


def main(settings: Mapping[str, Any], program: str, arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks, in the current folder; a failure is one sentence and exit code 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == [RANK]:  # one process of a training on several devices, started by `train`
        return rank.main(Path(arguments[-1]), tell_row if TELL in arguments else None)
    chosen = parser(settings).parse_args(arguments or ["run"])
    if chosen.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        COMMANDS[chosen.command](settings, program, chosen)
    except FAILURES as error:
        hint = ", with --resume" if isinstance(error, InterruptedError) else ""
        print(f"{chosen.command} failed: {error}{hint}", file=sys.stderr)
        return 1
    except LostContactError:
        return 1  # the process that is gone has said why
    if processes().size > 1:
        rank.done()
    return 0


def parser(settings: Mapping[str, Any]) -> argparse.ArgumentParser:
    """The command line; what is not given comes from the environment, as the challenge's scripts have it."""
    whole = argparse.ArgumentParser(prog="train_gpt.py")
    commands = whole.add_subparsers(dest="command", required=True)
    everything = commands.add_parser("run", help="train, export and evaluate: what happens without a command")
    scoring = commands.add_parser("evaluate", help="roundtrip, sliding-window and legal TTT score of an artifact")
    scoring.add_argument("--artifact", default="artifact.bin", help="file to score (artifact.bin)")
    training = commands.add_parser("train", help="train, and leave model.safetensors, train.csv and artifact.bin here")
    for each in (everything, training):
        seed = os.environ.get("SEED", settings["seed"])
        each.add_argument("--seed", type=int, default=seed, help=f"seed of weights and draws (SEED, else {seed})")
    for each in (everything, scoring, training):
        folder = os.environ.get("DATA_PATH", "data")
        each.add_argument("--data", default=folder, help=f"folder with the shards (DATA_PATH, else {folder})")
        each.add_argument("--tokenizer", default=os.environ.get("TOKENIZER_PATH"), help="if it is not below --data")
        each.add_argument("--resume", action="store_true", help="go on from ./state, which is left aside otherwise")
        each.add_argument("--device", choices=("auto", "cpu"), default="auto", help="auto: a GPU when there is one")
    return whole


def run_command(settings: Mapping[str, Any], program: str, chosen: argparse.Namespace) -> None:
    """Train, export and evaluate; the first process prints the log, and leaves it as train_seed<seed>.log."""
    log = RunLog(chosen.seed, fresh=not chosen.resume)
    train_and_export(settings, program, chosen, log)
    chosen.artifact = "artifact.bin"
    for found in evaluate(settings, program, chosen, log.row("legal_ttt")):
        name = found["evaluation"]
        log.add(lines.scored(name, found))
        if name != "roundtrip":
            log.add(lines.made(name, run_record() | {"device": device_of_process()}))


def train_command(settings: Mapping[str, Any], program: str, chosen: argparse.Namespace) -> None:
    """Train under a seed, and export under the cap."""
    record = train_and_export(settings, program, chosen, RunLog(chosen.seed, fresh=not chosen.resume, quiet=True))
    print(json.dumps({key: record[key] for key in EXPORT_FIGURES}))


def evaluate_command(settings: Mapping[str, Any], program: str, chosen: argparse.Namespace) -> None:
    """Print the scores of an artifact, a line of JSON each; of several processes the first does."""
    if processes().first:
        for found in evaluate(settings, program, chosen):
            print(json.dumps(found), flush=True)


COMMANDS = {"run": run_command, "train": train_command, "evaluate": evaluate_command}


def train_and_export(
    settings: Mapping[str, Any], program: str, chosen: argparse.Namespace, log: RunLog
) -> dict[str, Any]:
    """Train and leave the artifact; its record. Processes other than the first end here, once they have trained."""
    model = ModelSettings.model_validate(settings["model"])
    training = TrainSettings.model_validate(shared_settings(settings["train"]))
    exporting = ExportSettings.model_validate({**settings["export"], "code_bytes": Path(program).stat().st_size})
    ranks = processes().joined() if processes().size > 1 else Ranks()
    if ranks.first:
        fresh_unless(chosen.resume, StateFolder(STATE / "train", {}))
        data = folder_record(chosen.data, ["train", "validation"], model.vocab_size, chosen.tokenizer)
        write_json("data.json", data)
        blocks = {"model": model, "train": training, "export": exporting}
        named = {name: block.model_dump(mode="json") for name, block in blocks.items()}
        evaluating = EvaluateSettings.model_validate(settings["evaluate"]).model_dump(mode="json")
        named |= {"model": kept_in_files(named["model"]), "evaluate": evaluating}
        log.begin(lines.head(settings["variant"], chosen.seed, named))
    ranks.largest([0.0], device_of_process())  # nobody reads data.json before it is there
    grid = None if training.qat_below is None else exporting.grid.model_dump(mode="json")
    run = TrainingRun(model=model, train=training, variant=settings["variant"], seed=chosen.seed, **FILES, grid=grid)
    if ranks.count > 1:
        run_process(run, ranks, told=log.row("train"))
    else:
        command = (program, RANK) if log.quiet else (program, RANK, TELL)
        train(model, training, run.variant, run.seed, **FILES, command=command, told=log.row("train"), grid=grid)
    if not ranks.first:
        rank.done()
    log.add(*lines.trained(json.loads(Path("run.json").read_text())))
    calibration = calibrate("model.safetensors", "data.json", exporting) if exporting.calibration_batches else None
    record = export("model.safetensors", exporting, "artifact.bin", "export.json", calibration=calibration)
    log.add(*lines.exported(record))
    return record


FILES = {
    "data_json": "data.json",
    "model_path": "model.safetensors",
    "curve_path": "train.csv",
    "record_path": "run.json",
    "state_dir": str(STATE / "train"),
}
