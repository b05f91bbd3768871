"""Rules `sliding` and `merge_sliding`: every position once, with the longest context (docs/spec/evaluation.md, E3)."""

import math
import time
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from flowgolf import files
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate import checks
from flowgolf.evaluate.artifact import check_vocabulary, load_gpt
from flowgolf.evaluate.nats import merge_nats, nats_path, write_nats
from flowgolf.evaluate.record import result
from flowgolf.evaluate.settings import SCORING_EXECUTION, SlidingSettings
from flowgolf.evaluate.trials import sample_of, short_slides
from flowgolf.evaluate.tries import enter_try
from flowgolf.evaluate.verify import Evidence, Trial, all_scored, beforehand, verify
from flowgolf.running.facts import run_record
from flowgolf.scoring.ledger import Ledger
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.refereed_roundtrip import refereed_roundtrip
from flowgolf.scoring.replay import detects
from flowgolf.scoring.score import Score, figures, total
from flowgolf.scoring.slide import slide

PART_FACTS = ("shard", "seconds", "replay", "weights", "host", "slurm_job_id", "slurmd_nodename", "queue_seconds")


def sliding(
    artifact_path: str | Path,
    data_json: str | Path,
    settings: SlidingSettings,
    result_path: str | Path,
    checks_path: str | Path,
    shard: tuple[int, int] = (0, 1),
) -> None:
    """Score an artifact on the validation shards and leave the result and its checks.

    With `shard` (k, n) only the k-th of n parts is scored, and the roundtrip by the first; `merge_sliding` joins the
    parts. Raises ValueError for an artifact that is damaged or made for another vocabulary, and for a validation set
    shorter than a window; CheckError when a rule of docs/spec/legality.md is broken.
    """
    torch.set_num_threads(settings.threads)
    dataset = Dataset.open(data_json)
    stream, byte_table = dataset.validation, dataset.byte_table
    gpt, artifact_sha256 = load_gpt(artifact_path)
    check_vocabulary(gpt, dataset, artifact_path)
    tries = enter_try(artifact_path, artifact_sha256, "sliding", settings)
    sample = sample_of(stream, settings.seq_len)
    trial = Trial(gpt, short_slides(gpt, settings, sample), sample)
    before = beforehand(trial)
    started = time.monotonic()
    referee = slide(gpt, stream, settings, shard, "sliding")
    seconds = time.monotonic() - started
    nats, start = referee.finish(), referee.span.start
    score = total(nats, byte_table, stream, start)
    record = result("sliding", score, settings, artifact_sha256, seconds, dataset, gpt, tries)
    record |= {**referee.proof(seconds), "roundtrip": None}
    referees, whole, again = {"sliding": referee}, shard == (0, 1), None
    if shard[0] == 0:
        started = time.monotonic()
        again, referees["roundtrip"] = refereed_roundtrip(gpt, stream, byte_table, settings.max_positions)
        record["roundtrip"] = {**figures(again), **cost(referees["roundtrip"], time.monotonic() - started)}
    evidence = Evidence(
        **vars(trial),
        before=before,
        referees=referees,
        ledger=referee.ledger,
        span=referee.span,
        score=score if whole else None,
        roundtrip=again,
        settings=settings,
        artifact_path=str(artifact_path),
        artifact_sha256=artifact_sha256,
        dataset=dataset,
        byte_table=byte_table,
    )
    files.write_json(checks_path, verify("sliding", evidence))
    record["repeats"] = evidence.repeats.record()
    if not whole:
        record["shard"] = list(shard)
    if settings.keep_nats:
        write_nats(nats_path(result_path), nats, byte_table, stream, start, dataset.bos_id)
    files.write_json(result_path, record)


def cost(referee: Referee, seconds: float) -> dict[str, Any]:
    """Seconds of an evaluation, and what of them its replays and its chain of weights took."""
    proof = referee.proof(seconds)
    return {"seconds": seconds, "replay": proof["replay"], "weights": proof["weights"]}


def merge_sliding(
    part_paths: Sequence[str | Path],
    part_checks_paths: Sequence[str | Path],
    data_json: str | Path,
    result_path: str | Path,
    checks_path: str | Path,
) -> None:
    """Join the parts of a sliding evaluation, in any order, into what one job would have left.

    Raises ValueError for parts of different evaluations, and IllegalEvaluationError or CheckError when the parts do not
    cover each position exactly once.
    """
    parts = [files.read_json(path) for path in part_paths]
    check_parts(parts, part_paths)
    books = [files.read_json(path) for path in part_checks_paths]
    books = [book for _, book in sorted(zip((part["shard"] for part in parts), books, strict=True), key=itemgetter(0))]
    dataset = Dataset.open(data_json)
    settings = SlidingSettings.model_validate(parts[0]["settings"])
    num_positions = len(dataset.validation) - 1
    covered = num_positions if settings.max_positions is None else min(num_positions, settings.max_positions)
    events = sorted(tuple(event) for book in books for event in book["events"])
    ledger = Ledger.replay(covered, events, None)
    roundtrip = next(part["roundtrip"] for part in parts if part["shard"][0] == 0)
    again = Score(**{key: roundtrip[key] for key in ("nats", "tokens", "bytes")})
    score = Score(
        nats=math.fsum(part["nats"] for part in parts),
        tokens=sum(part["tokens"] for part in parts),
        bytes=sum(part["bytes"] for part in parts),
    )
    files.write_json(checks_path, merged_checks(books, ledger, score, again, settings, dataset))
    seconds = sum(part["seconds"] for part in parts)
    record = {
        **parts[0],
        **figures(score),
        "partial": score.tokens < num_positions,
        "seconds": seconds,
        "tokens_per_second": score.tokens / seconds,
        "ledger": ledger.proof(),
        "replay": merged_replay(parts, seconds),
        "roundtrip": roundtrip,
        "parts": [{key: part[key] for key in PART_FACTS} for part in parts],
        **run_record(),
    }
    del record["shard"]
    if settings.keep_nats:
        merge_nats([nats_path(path) for path in part_paths], nats_path(result_path))
    files.write_json(result_path, record)


def check_parts(parts: Sequence[dict[str, Any]], paths: Sequence[str | Path]) -> None:
    """Refuse parts that are not all the shards of one evaluation of one artifact, with the same code."""
    for part, path in zip(parts, paths, strict=True):
        if "shard" not in part:
            raise ValueError(f"{path}: a whole result, not one shard of several")
        ours, first = part_facts(part, path), part_facts(parts[0], paths[0])
        for key, value in ours.items():
            if value != first[key]:
                raise ValueError(f"{path}: {key} is {value}, but {first[key]} in {paths[0]}")
    count = parts[0]["shard"][1]
    found = sorted(part["shard"] for part in parts)
    if found != [[index, count] for index in range(count)]:
        indices = ", ".join(str(index) for index, _ in found)
        raise ValueError(f"{count} shards are to be merged, numbered from 0, but these were given: {indices}")


def part_facts(part: dict[str, Any], path: str | Path) -> dict[str, Any]:
    """What a part is of: artifact, data, settings, and what its made_from.json, if any, says of settings and code."""
    made_from = Path(path).with_suffix(".made_from.json")
    return {
        "artifact_sha256": part["artifact_sha256"],
        "data": part["data"],
        "settings": {key: value for key, value in part["settings"].items() if key not in SCORING_EXECUTION},
        "made_from": files.read_json(made_from)["label"] if made_from.exists() else None,
    }


def merged_replay(parts: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """The replays of all parts as those of one evaluation that took `seconds`."""
    proofs = [part["replay"] for part in parts]
    positions = sum(proof["positions"] for proof in proofs)
    spent = sum(proof["seconds"] for proof in proofs)
    return {
        "positions": positions,
        "rounds": sum(proof["rounds"] for proof in proofs),
        "largest_difference": max(proof["largest_difference"] for proof in proofs),
        "mean_difference": sum(proof["positions"] * proof["mean_difference"] for proof in proofs) / positions,
        "tolerance": max(proof["tolerance"] for proof in proofs),
        "detects": detects(positions),
        "seconds": spent,
        "share": spent / seconds,
    }


def merged_checks(
    books: Sequence[dict[str, Any]],
    ledger: Ledger,
    score: Score,
    roundtrip: Score,
    settings: SlidingSettings,
    dataset: Dataset,
) -> dict[str, Any]:
    """Content of checks.json for the merged result: what every part passed, and the rules that only all can show."""
    renewed = {
        3: checks.score_before_update(ledger.events),
        4: checks.scored_once(ledger.times_scored, 0, len(ledger.times_scored)),
        5: checks.no_update_after_last_score(ledger.events),
        8: all_scored(score, roundtrip, dataset, dataset.byte_table, settings.max_positions),
        17: "; ".join(check["evidence"] for book in books for check in book["checks"] if check["rule"] == 17),
        19: checks.same_data(dataset),
    }
    listed = [{**check, "evidence": renewed.get(check["rule"], check["evidence"])} for check in books[0]["checks"]]
    seeds = {name: seeds for book in books for name, seeds in book["replay_seeds"].items()}
    merged = {"sliding": [seed for book in books for seed in book["replay_seeds"]["sliding"]]}
    events = [list(event) for event in ledger.events]
    return {**books[0], "checks": listed, "events": events, "replay_seeds": {**seeds, **merged}}
