"""Other claims: seeds, devices, versions, compliance, settings."""

import re
from collections.abc import Iterator

from flowgolf.audit.case import CAP_BYTES, LIMIT_SECONDS, Case
from flowgolf.audit.checks.kinds import kind
from flowgolf.audit.checks.settings import equal, setting
from flowgolf.audit.checks.times import evaluations, seconds, step_seconds
from flowgolf.audit.claims import Claim
from flowgolf.audit.finding import Finding, Place, error, not_stated, note, warning
from flowgolf.audit.logs import Log
from flowgolf.audit.number import Number
from flowgolf.audit.words import joined, seeds_named

ATTEMPTED = ("seeds_attempted", "seeds_tried", "seeds_run")


def check(case: Case) -> Iterator[Finding]:
    """All findings about other statements."""
    yield from seeds(case)
    yield from left_out(case)
    yield from hardware(case)
    yield from version(case)
    yield from compliance(case)
    yield from named_settings(case)


def seeds(case: Case) -> Iterator[Finding]:
    """Claimed seeds against the logs."""
    claims, by_seed = case.claims, case.evidence.by_seed
    lacking = [seed for seed in claims.seeds if seed not in by_seed]
    if lacking and case.logs:
        yield warning("seeds", f"no log of {seeds_named(lacking)}", *(claims.seeds[seed] for seed in lacking))
    extra = [seed for seed in by_seed if seed is not None and claims.seeds and seed not in claims.seeds]
    if extra:
        places = [Place(by_seed[seed][0].name) for seed in extra]
        yield warning("seeds", f"a log of {seeds_named(extra)}, which the claim leaves out", *places)
    for log in case.logs:
        yield from seed_of(log)
    for seed, logs in by_seed.items():
        trained = [Place(log.name) for log in logs if log.trained]
        if seed is not None and len(trained) > 1:
            yield warning("seeds", f"{len(trained)} trainings of seed {seed}: which one counts?", *trained)
    if len(case.evidence.seeds) == 1 and case.logs:
        yield note("seeds", "one seed: nothing can be said about its spread")


def seed_of(log: Log) -> Iterator[Finding]:
    """The seed of a log, by what it prints and by its file's name."""
    if log.seed is None and log.file_seed is None:
        yield not_stated("seeds", "the seed", Place(log.name))
    elif log.seed is not None and log.file_seed is not None and log.seed.value != log.file_seed:
        text = f"the file's name says seed {log.file_seed}, the log seed {log.seed.value}"
        yield warning("seeds", text, log.seed.place)


def left_out(case: Case) -> Iterator[Finding]:
    """Seeds that were tried and are not claimed, and results that are still to come."""
    claims = case.claims
    tried = [
        (claim, claim.value.value) for claim in claims.all if claim.key in ATTEMPTED and isinstance(claim.value, Number)
    ]
    unfinished = [(claim, seed) for claim, seed in tried if seed not in claims.seeds]
    if unfinished:
        text = f"attempted and left out: {joined(seed for _, seed in unfinished)}"
        yield warning("seeds", text, unfinished[0][0].place)
    empty = [claim for claim in claims.all if claim.seed is not None and claim.value is None]
    pending = [claim for claim in empty if kind(claim) in ("bpb", "loss")]
    if pending:
        names = joined(f"{claim.key} of seed {claim.seed}" for claim in pending)
        yield not_stated("seeds", f"null in submission.json: {names}", *(claim.place for claim in pending))


def hardware(case: Case) -> Iterator[Finding]:
    """Claimed devices against the logs."""
    claim = case.claims.text("hardware", "gpu", "gpus", "device")
    world = setting(case, "world_size", "train.devices")
    if claim is None:
        return
    text = str(claim.value)
    count = re.match(r"\s*(\d+)\s*[x×*]", text)
    if count and world and world.text.isdigit() and int(count[1]) != int(world.text):
        yield error("claim", f"hardware '{text}': the log has {world.text} processes", claim.place, world.place)
    names = {name: log.gpu_place for log in case.logs for name in log.gpus}
    model = re.search(r"(?i)(?:^|[\d x×*])([ABHL]\d{2,3}|RTX ?\d{4}|M\d)\b", text)
    if (
        model
        and names
        and not any(model[1].lower().replace(" ", "") in name.lower().replace(" ", "") for name in names)
    ):
        yield error("claim", f"hardware '{text}': the log shows {joined(names)}", claim.place, *names.values())
    elif model and not names:
        yield not_stated(
            "claim", f"hardware '{text}': no log names the device", claim.place, world.place if world else None
        )


def version(case: Case) -> Iterator[Finding]:
    """The claimed PyTorch against the logs."""
    claim = case.claims.text("pytorch_version", "torch_version", "pytorch")
    if claim is None:
        return
    found = {log.torch.text: log.torch.place for log in case.logs if log.torch}
    if not found:
        yield not_stated("claim", f"{claim.key} {claim.value}: no log names it", claim.place)
    elif not any(str(claim.value) in text or text in str(claim.value) for text in found):
        yield error("claim", f"{claim.key} {claim.value}: the log has {joined(found)}", claim.place, *found.values())


def compliance(case: Case) -> Iterator[Finding]:
    """Flags of compliance: those that the logs contradict, and those that no line speaks of."""
    silent: list[Claim] = []
    for claim in case.claims.all:
        if claim.keys[0].lower() == "compliance" and claim.value is True:
            verdict = flag(case, claim)
            if verdict is None:
                silent.append(claim)
            elif verdict:
                yield error("claim", f"{claim.key} is true, and {verdict}", claim.place)
    if silent:
        names = joined(claim.key for claim in silent)
        yield not_stated("claim", f"flags of compliance that no line of a log speaks of: {names}", silent[0].place)


def flag(case: Case, claim: Claim) -> str | None:
    """What contradicts a flag, "" when the logs bear it out, None when they do not speak of it."""
    key, trained = claim.key, case.trained.values()
    times = [log for log in trained if log.train_seconds]
    if "train_under" in key and times:
        slow = [log for log in times if seconds(log) > LIMIT_SECONDS + step_seconds(log)]
        return f"{slow[0].name} has {seconds(slow[0])} s" if slow else ""
    if "eval_under" in key:
        found = [(log.name, score.seconds) for log in case.bearing for score in evaluations(log) if score.seconds]
        slow_ones = [(name, number) for name, number in found if number.value > LIMIT_SECONDS]
        return None if not found else f"{slow_ones[0][0]} has {slow_ones[0][1]} s" if slow_ones else ""
    if "16mb" in key or key.startswith("size_within"):
        totals = [size.bytes for log in case.bearing if (size := log.last("total"))]
        large = [number for number in totals if number.value > CAP_BYTES]
        return None if not totals else f"a log has {large[0]} bytes" if large else ""
    if key == "three_seeds":
        count = len([seed for seed in case.evidence.by_seed if seed is not None])
        return "" if count >= 3 else f"there are logs of {count}"
    return switched(case, key) if key.startswith("no_") else ledger(case, key)


def switched(case: Case, key: str) -> str | None:
    """`no_slot` against the setting slot_enabled."""
    found = setting(case, f"{key[3:]}_enabled", f"use_{key[3:]}", key[3:])
    if found is None or found.text.lower() not in ("true", "false", "0", "1"):
        return None
    return f"{found.place} has it on" if found.text.lower() in ("true", "1") else ""


def ledger(case: Case, key: str) -> str | None:
    """Flags that a ledger in the logs answers for."""
    counts = [log.counts for log in case.bearing if "positions_scored" in log.counts and "positions" in log.counts]
    if not counts or len(counts) < len(case.bearing):
        return None
    if key == "each_position_once":
        return (
            ""
            if all(c.get("most_times_scored") and c["most_times_scored"].value == 1 for c in counts)
            else "a ledger differs"
        )
    if key == "whole_validation_set":
        return "" if all(c["positions"].value == c["positions_scored"].value for c in counts) else "a ledger differs"
    if key == "score_before_update" and all("least_distance_to_frontier" in c for c in counts):
        return "" if all(c["least_distance_to_frontier"].value >= 1 for c in counts) else "a ledger differs"
    return None


def named_settings(case: Case) -> Iterator[Finding]:
    """Claims under the name of a setting that the logs print."""
    for claim in case.claims.all:
        names = (claim.key, ".".join(key.lower() for key in claim.keys[-2:]))
        found = setting(case, *names) if claim.seed is None and kind(claim) not in ("bpb", "loss") else None
        if found is None or claim.value is None or claim.key == "seed" or isinstance(claim.value, bool):
            continue
        text = f"{claim.value.value:f}" if isinstance(claim.value, Number) else claim.value
        if not equal(found.text, text):
            yield warning("claim", f"{claim.name} {text}: the log has {found.text}", claim.place, found.place)
