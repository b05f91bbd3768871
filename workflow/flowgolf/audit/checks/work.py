"""Steps, tokens and durations: against the claims and against each other."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from flowgolf.audit.case import Case
from flowgolf.audit.checks.kinds import kind, scale, unit, words
from flowgolf.audit.checks.settings import setting
from flowgolf.audit.checks.times import calibration, evaluations
from flowgolf.audit.claims import Claim
from flowgolf.audit.finding import Finding, not_stated, note, warning
from flowgolf.audit.logs import Log
from flowgolf.audit.number import Number, mean, parse, shown
from flowgolf.audit.words import joined

SLACK = Decimal("0.002")  # the averages that logs print are rounded, and the last step is often not in them
DURATIONS = {"train", "training", "eval", "step", "wallclock"}
WHOLE = Decimal(1)  # a duration printed as a whole number was rounded to one
SHARD_TOKENS = 100_000_000  # a shard of the challenge's export


def check(case: Case) -> Iterator[Finding]:
    """All findings about steps, tokens and durations."""
    for log in case.bearing:
        yield from contradictions(log)
        yield from shards(case, log)
    yield from claims(case)


def contradictions(log: Log) -> Iterator[Finding]:
    """Steps, seconds a step and seconds that do not belong together."""
    if log.backwards:
        yield warning("steps", "the step is below that of the line before: two runs in one log?", log.backwards)
    if log.trained and log.step_ms and log.train_seconds and log.step:
        product = log.step.value * log.step_ms.value / 1000
        if abs(product - log.train_seconds.value) > SLACK * log.train_seconds.value + log.train_seconds.half:
            yield warning(
                "time",
                f"{log.step} steps of {log.step_ms} ms are {shown(product)} s, not {log.train_seconds} s",
                log.step.place,
                log.train_seconds.place,
            )


def shards(case: Case, log: Log) -> Iterator[Finding]:
    """Training that passed its shards more than once."""
    found, batch = log.counts.get("train_shards"), batch_tokens(case)
    if log.epoch and log.epoch.value > 1:
        yield note("data", f"the training shards were seen again: epoch {log.epoch}", log.epoch.place)
    elif found and batch and log.step and log.step.value * batch.value > found.value * SHARD_TOKENS:
        tokens = log.step.value * batch.value
        yield note(
            "data",
            f"{log.step} steps of {batch} tokens are {tokens / 10**9:.2f} billion, from {found} shards: at the "
            f"export's {SHARD_TOKENS:,} a shard each token was seen {tokens / (found.value * SHARD_TOKENS):.1f} times",
            found.place,
            log.step.place,
        )


def batch_tokens(case: Case) -> Number | None:
    """Tokens of a training step."""
    found = setting(case, "train_batch_tokens", "train.batch_tokens", "batch_tokens")
    return None if found is None else parse(found.text, found.place)


def claims(case: Case) -> Iterator[Finding]:
    """Claimed steps, tokens and durations; durations that no line gives are one finding a key."""
    silent: dict[str, list[Claim]] = {}
    for seed in (None, *case.claims.seeds):
        for claim, number in case.claims.numbers(seed):
            logs = case.logs if seed is None else case.evidence.by_seed.get(seed, [])
            name, said = kind(claim), words(" ".join(claim.keys))
            if not logs or number.value in case.unlogged or any(claim.key in log.settings for log in logs):
                continue
            if name == "steps" and ({"train", "training", "stop"} & said or claim.key == "steps"):
                yield from steps(claim, number, logs)
            elif name == "tokens" and {"train", "training", "trained"} & said:
                yield from tokens(case, claim, number, logs)
            elif name == "seconds" and DURATIONS & said and not given(claim, number, logs):
                silent.setdefault(".".join(claim.keys), []).append(claim)
    for key, found in silent.items():
        values = joined(
            f"{claim.value}" + (f" (seed {claim.seed})" if claim.seed is not None else "") for claim in found
        )
        text = f"a line that gives {key} {values}, or evaluations that add up to it"
        yield not_stated("time", text, *(claim.place for claim in found))


def steps(claim: Claim, number: Number, logs: list[Log]) -> Iterator[Finding]:
    """Claimed steps: a log's, or the mean."""
    found = [log.step for log in logs if log.trained and log.step]
    if found and not any(number.value == step.value for step in found):
        average = mean([step.value for step in found])
        if not number.last_digit(average, Decimal("0.5")):
            seen = ", ".join(str(step) for step in found)
            yield warning(
                "steps", f"{claim.name} {number}: the logs have {seen}", claim.place, *(s.place for s in found)
            )


def tokens(case: Case, claim: Claim, number: Number, logs: list[Log]) -> Iterator[Finding]:
    """Claimed tokens of training: steps times tokens a step."""
    batch = batch_tokens(case)
    found = [log.step for log in logs if log.trained and log.step]
    if batch and found:
        wanted = number.scaled(scale(claim.key))
        if not any(wanted.last_digit(step.value * batch.value) for step in found):
            right = found[0].value * batch.value
            yield warning(
                "steps",
                f"{claim.name} {number}: {found[0]} steps of {batch} tokens are {right:,}",
                claim.place,
                found[0].place,
            )


def given(claim: Claim, number: Number, logs: list[Log]) -> bool:
    """Whether a claimed duration is a printed one, a sum of printed ones, or a mean over the logs."""
    half = max(number.half, WHOLE / 2) if number.value == number.value.to_integral_value() else number.half
    wanted = Number(number.value, half, number.place).scaled(unit(claim.key))
    columns = [durations(log) for log in logs]
    values = [value for column in columns for value in column.values()]
    for name in {name for column in columns for name in column}:
        values.append(mean([column[name] for column in columns if name in column]))
    return not values or any(near(wanted, value) for value in values)


def near(wanted: Number, value: Decimal) -> bool:
    """Whether a claimed duration is this one, rounded or cut."""
    return wanted.last_digit(value, Decimal("0.0005"))


def durations(log: Log) -> dict[str, Decimal]:
    """Durations that a log gives, in seconds, and the sums of its evaluations."""
    found: dict[str, Decimal] = {}
    if log.train_seconds:
        found["train"] = log.train_seconds.value
        found["train and calibration"] = log.train_seconds.value + calibration(log)
        if log.step and log.step.value:
            found["step"] = log.train_seconds.value / log.step.value
    if log.step_ms:
        found["step_ms"] = log.step_ms.value / 1000
    if log.eval_seconds:
        found["eval"] = log.eval_seconds.value
    timed = [score.seconds.value for score in evaluations(log) if score.seconds][-6:]
    for count in range(1, len(timed) + 1):
        for index, chosen in enumerate(combinations(timed, count)):
            found[f"sum {count} {index}"] = sum(chosen, Decimal(0))
    return found
