"""Runs the checks that belong to an evaluation, before its figures are written (docs/spec/legality.md, L1)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from flowgolf.data.byte_count import ByteTable
from flowgolf.data.dataset import Dataset
from flowgolf.data.repeats import Repeats, repeats
from flowgolf.evaluate import checks
from flowgolf.evaluate.checks import CheckError
from flowgolf.evaluate.trials import Evaluate, TokenArray
from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.precision import device_of
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.score import Score, TokenStream
from flowgolf.scoring.settings import WindowSettings

COUNTED_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Trial:
    """What can be looked at before anything is scored."""

    gpt: GPT
    """The model as the artifact gives it, before any adaptation."""
    evaluations: Mapping[str, Evaluate]
    """Short runs of the evaluation itself: a stream to the nats of each of its positions."""
    sample: np.ndarray
    """A few windows of validation tokens, (time,)."""


@dataclass(frozen=True)
class Evidence(Trial):
    """All that the checks of one evaluation look at."""

    referees: Mapping[str, Referee]
    """Of the run, and of the roundtrip where there was one, by name."""
    ledger: Ledger
    """Of the run."""
    span: tuple[int, int]
    """Positions that the run had to score."""
    score: Score | None
    """Result of the run; None for one shard of several, which the merged result answers for."""
    roundtrip: Score | None
    """Result of the roundtrip; None where there was none."""
    settings: WindowSettings
    artifact_path: str
    artifact_sha256: str
    dataset: Dataset
    byte_table: ByteTable
    before: Mapping[int, str] = field(default_factory=dict)
    """What `beforehand` found, by rule; the rest of its rules are looked at with all others."""

    @cached_property
    def repeats(self) -> Repeats:
        """Training documents that are in validation; both are read to the end."""
        return repeats(self.dataset)


def causal(trial: Trial) -> str:
    """Rule 1, on the model and on short runs of the evaluation with all its parts."""
    parts = [checks.causal_model(trial.gpt, trial.sample)]
    parts += [causal_run(name, run, trial) for name, run in trial.evaluations.items()]
    return "; ".join(parts)


def causal_run(name: str, evaluate: Evaluate, trial: Trial) -> str:
    """Rule 1 for an evaluation: the nats of earlier tokens are the same when token t and all later ones change."""
    tokens, device = trial.sample, device_of(trial.gpt)
    place = 5 * len(tokens) // 8  # inside the third of four windows
    changed = tokens.copy()
    changed[place:] = (changed[place:] + 1) % trial.gpt.settings.vocab_size
    before, after = evaluate(TokenArray(tokens)), evaluate(TokenArray(changed))
    position = checks.differing(before[: place - 1], after[: place - 1], device)
    if position is not None:
        raise CheckError(f"rule 1, causal: in {name}, position {position} sees a change of token {place}")
    return f"{name} of {len(tokens) - 1} positions gives {checks.same(device)} before a change of token {place}"


def scored_all(evidence: Evidence) -> str:
    """Rule 8, for a whole result."""
    if evidence.score is None:
        return "a shard: the merged result answers for the whole"
    return all_scored(
        evidence.score, evidence.roundtrip, evidence.dataset, evidence.byte_table, evidence.settings.max_positions
    )


def all_scored(
    score: Score, roundtrip: Score | None, dataset: Dataset, table: ByteTable, max_positions: int | None
) -> str:
    """Rule 8, for an evaluation and the roundtrip beside it."""
    record = dataset.record["validation"]
    expected = bytes_expected(max_positions, dataset.validation, table, record["bytes_scored"])
    shown = checks.whole_validation_set(score, record["tokens"], expected, max_positions)
    if roundtrip is None:
        return shown
    beside = checks.whole_validation_set(roundtrip, record["tokens"], expected, max_positions)
    return f"{shown}; the roundtrip: {beside}"


def bytes_expected(positions: int | None, stream: TokenStream, table: ByteTable, num_bytes: int) -> int:
    """Bytes that an evaluation has to account for: `num_bytes` of all, or those of its part, counted again."""
    if positions is None or positions >= len(stream) - 1:
        return num_bytes
    starts = range(0, positions, COUNTED_AT_ONCE)
    return sum(table.total(stream.read(start, min(COUNTED_AT_ONCE, positions - start) + 1)) for start in starts)


def unseen(evidence: Evidence) -> str:
    """Rule 7, from the data record."""
    training, validation = (
        [shard["sha256"] for shard in evidence.dataset.record[part]["shards"]] for part in ("train", "validation")
    )
    return checks.validation_unseen(training, validation)


BEFOREHAND: dict[int, Callable[[Trial], str]] = {
    1: causal,
    2: lambda it: checks.full_distribution(it.gpt, it.sample),
    12: lambda it: checks.one_forward_pass(it.gpt, it.sample),
}
"""Rules that the model and short runs show: what fails there fails in seconds, not after hours of scoring."""


def model_rule(rule: int) -> Callable[[Evidence], str]:
    """A rule of BEFOREHAND as one of RULES."""
    return lambda evidence: evidence.before[rule] if rule in evidence.before else BEFOREHAND[rule](evidence)


def beforehand(trial: Trial) -> dict[int, str]:
    """The evidence of each rule that can be looked at before anything is scored; a broken one raises `CheckError`."""
    return {rule: check(trial) for rule, check in BEFOREHAND.items()}


RULES: dict[int, tuple[str, Callable[[Evidence], str]]] = {
    1: ("causal", model_rule(1)),
    2: ("full distribution", model_rule(2)),
    3: ("score before update", lambda it: checks.score_before_update(it.ledger.events)),
    4: ("each position once", lambda it: checks.scored_once(it.ledger.times_scored, *it.span)),
    5: ("no update after the last score", lambda it: checks.no_update_after_last_score(it.ledger.events)),
    6: (
        "the artifact is scored",
        lambda it: checks.artifact_is_scored(it.artifact_path, it.artifact_sha256, it.referees.values()),
    ),
    7: ("validation unseen", unseen),
    8: ("whole validation set", scored_all),
    9: ("bytes exact", lambda it: checks.bytes_exact(it.dataset, it.byte_table)),
    10: ("disjoint", lambda it: checks.disjoint(it.repeats, it.dataset)),
    12: ("one forward pass", model_rule(12)),
    17: ("replay", lambda it: checks.replayed(it.referees)),
    18: ("chain of weights", lambda it: checks.chained(it.referees)),
    19: ("identity of data", lambda it: checks.same_data(it.dataset)),
}
"""Rules of docs/spec/legality.md by number. Rule 11 (size) is the export's, 13 to 16 are the tables',
20 to 23 are looked at where records are read."""


def verify(evaluation: str, evidence: Evidence) -> dict[str, Any]:
    """Content of checks.json: each rule with its evidence, and the event log. A broken rule raises `CheckError`."""
    return {
        "evaluation": evaluation,
        "artifact_sha256": evidence.artifact_sha256,
        "checks": [{"rule": rule, "name": name, "evidence": check(evidence)} for rule, (name, check) in RULES.items()],
        "events": [list(event) for event in evidence.ledger.events],
        "replay_seeds": {name: referee.replays.seeds for name, referee in evidence.referees.items()},
    }
