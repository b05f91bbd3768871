"""The scores that the generated train_gpt.py gives an artifact, each checked before it is given."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
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
from flowgolf.files import sha256
from flowgolf.resume import StateFolder, seal_key
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.refereed_roundtrip import refereed_roundtrip
from flowgolf.scoring.score import Score, figures, total
from flowgolf.scoring.settings import WindowSettings
from flowgolf.scoring.slide import slide

STATE = Path("state")


def evaluate(
    settings: Mapping[str, Any],
    program: str,
    chosen: argparse.Namespace,
    told: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Scores of an artifact, one after the other; every evaluation's ledger is checked before its score is given.

    `told` is given a row for each chunk of test-time training.
    """
    wanted = EvaluateSettings.model_validate(settings["evaluate"])
    sliding, legal_ttt = wanted.sliding, wanted.legal_ttt
    listed = folder_record(chosen.data, ["validation"], settings["model"]["vocab_size"], chosen.tokenizer)
    dataset = Dataset(listed, Path(chosen.data))
    stream, byte_table = dataset.validation, dataset.byte_table
    gpt, artifact_sha256 = load_gpt(chosen.artifact)
    check_vocabulary(gpt, dataset, chosen.artifact)

    def scored(name: str, score: Score, referee: Referee, seconds: float) -> dict[str, Any]:
        found = {"evaluation": name, **figures(score), "artifact_sha256": artifact_sha256, "data": dataset.identity()}
        checks.artifact_is_scored(chosen.artifact, artifact_sha256, [referee])
        return {**found, "seconds": seconds, **referee.proof(seconds)}

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
    state = fresh_unless(chosen.resume, StateFolder(STATE / "legal_ttt", owner, seal_key()))
    run = run_to_end(ScoreFirst(gpt, stream, byte_table, legal_ttt), state, told)
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
