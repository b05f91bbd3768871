"""The keys of `compliance` that records of the challenge carry, each from a check on what the stages left.

True is what is asked for. Nothing here is taken on trust or left open: a record that lacks what a check looks at cannot
be read.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flowgolf.data.dataset import combined
from flowgolf.scoring.ledger import IllegalEvaluationError, Ledger, training_rounds
from flowgolf.submission.seeds import EVALUATIONS, SeedRecords

SECONDS = 600
ARTIFACT_BYTES = 16_000_000
SEEDS = 3
BEFORE_EXPORT_RULES = {6, 7, 10}
"""The artifact is scored, validation unseen, disjoint: what an evaluation found of the training before it."""


def train_under_600s(run: SeedRecords) -> bool:
    """Steps and the export's calibration together took at most 600 s."""
    return run.training_seconds <= SECONDS


def eval_under_600s(run: SeedRecords) -> bool:
    """Sliding window and legal TTT together took at most 600 s."""
    return float(sum(result["seconds"] for result in run.results.values())) <= SECONDS


def artifact_under_16mb(run: SeedRecords) -> bool:
    """Weights and the code that is submitted are at most 16,000,000 bytes."""
    return int(run.export["bytes_weights"] + run.export["bytes_code"]) <= ARTIFACT_BYTES


def score_first_ttt(run: SeedRecords) -> bool:
    """Test-time training's log of events, entered again: no target before it was scored, each once, scoring last."""
    events = run.checks["legal_ttt"]["events"]
    try:
        ledger = Ledger.replay(run.legal_ttt["tokens"], events, None)
    except IllegalEvaluationError:
        return False
    return bool((ledger.times_scored == 1).all()) and events[-1][0] == "score"


def no_pre_quant_ttt(run: SeedRecords) -> bool:
    """Nothing of validation was trained or calibrated on before the artifact.

    The shards of training are those that both evaluations compared with validation, and calibration read no other.
    """
    training = run.train["training_shards"]
    compared = all(
        run.results[name]["data"]["train"] == combined(training) and rules_passed(run, name) >= BEFORE_EXPORT_RULES
        for name in EVALUATIONS
    )
    return compared and set(run.export.get("calibration", {}).get("shards", [])) <= set(training)


def no_slot(run: SeedRecords) -> bool:
    """No weight is fitted to the text that it scores: the chains have a link for each booked round of training alone,
    which is none in the sliding window, and the replayed positions have the chained weights' nats.
    """
    rounds = training_rounds(run.checks["legal_ttt"]["events"])
    linked = all(chain["links"] == 1 for chain in chains(run.sliding))
    return linked and all(chain["links"] == 1 + rounds for chain in chains(run.legal_ttt)) and replayed(run)


def no_etlb(run: SeedRecords) -> bool:
    """No bias on the logits is learnt while evaluating: no weight has one number for each token of the vocabulary, and
    the replayed positions have the nats of the model's own logits.
    """
    model = run.train["model"]
    shapes = {name: [side for side in facts["shape"].split(" x ") if side != "1"] for name, facts in tensors(run)}
    biases = [name for name, sides in shapes.items() if sides == [str(model["vocab_size"])]]
    return not [name for name in biases if "bias" in name or model["vocab_size"] != model["dim"]] and replayed(run)


def no_ngram_cache(run: SeedRecords) -> bool:
    """Nothing besides the weights remembers what was scored: the nats of the replayed positions follow from the tokens
    of their windows alone, and weights and buffers are those of the chain before and after (rules 17, 18).
    """
    return replayed(run) and all(rules_passed(run, name) >= {17, 18} for name in EVALUATIONS)


def three_seeds(runs: Sequence[SeedRecords]) -> bool:
    """Three different seeds or more gave as many different artifacts."""
    artifacts = {run.export["artifact_sha256"] for run in runs}
    return min(len({run.train["seed"] for run in runs}), len(artifacts)) >= SEEDS


OF_EVERY_SEED: tuple[Callable[[SeedRecords], bool], ...] = (
    train_under_600s, eval_under_600s, artifact_under_16mb, score_first_ttt, no_pre_quant_ttt, no_slot, no_etlb,
    no_ngram_cache,
)  # fmt: skip
KEYS = (*(check.__name__ for check in OF_EVERY_SEED), three_seeds.__name__)


def challenge(runs: Sequence[SeedRecords]) -> dict[str, bool]:
    """Each of KEYS: whether it holds for every seed."""
    return {**{check.__name__: all(map(check, runs)) for check in OF_EVERY_SEED}, "three_seeds": three_seeds(runs)}


def reasons() -> dict[str, str]:
    """What each of KEYS was concluded from, in words: what its check says of itself."""
    return {check.__name__: " ".join(str(check.__doc__).split()) for check in (*OF_EVERY_SEED, three_seeds)}


def rules_passed(run: SeedRecords, name: str) -> set[int]:
    """Rules that an evaluation's checks.json answers for."""
    return {check["rule"] for check in run.checks[name]["checks"]}


def chains(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chain of weights of an evaluation, or of each of the parts that it was shared out to."""
    yield from (part["weights"] for part in result.get("parts", [result]))


def tensors(run: SeedRecords) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and facts of every weight."""
    yield from run.train["tensors"].items()


def replayed(run: SeedRecords) -> bool:
    """Whether every round of both evaluations was replayed, and no position was off by more than rounding."""
    for name in EVALUATIONS:
        replay, events = run.results[name]["replay"], run.checks[name]["events"]
        rounds = sum(event[0] == "score" for event in events)
        if replay["rounds"] < rounds or replay["positions"] < replay["rounds"]:
            return False
        if not max(replay["largest_difference"], abs(replay["mean_difference"])) <= replay["tolerance"]:
            return False
    return True
