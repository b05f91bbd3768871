"""Seconds of training, calibration and evaluation against the limits of the track."""

from collections.abc import Iterator
from decimal import Decimal

from flowgolf.audit.case import LIMIT_SECONDS, Case
from flowgolf.audit.checks.kinds import words
from flowgolf.audit.evidence import before_export
from flowgolf.audit.finding import Finding, Place, error, not_stated, note, warning
from flowgolf.audit.logs import Log, Score
from flowgolf.audit.number import Number
from flowgolf.audit.words import seeds_named

CLOCK_SECONDS = Decimal(1)  # a run reads its clock between steps: it stops at the first one after its cap


def check(case: Case) -> Iterator[Finding]:
    """All findings about limits of time."""
    if case.track is None and case.claims.all:
        yield not_stated("claim", "the track; judged by the limits of 10min_16mb")
    yield from training(case)
    yield from evaluation(case)


def training(case: Case) -> Iterator[Finding]:
    """Training and calibration of every seed against the limit."""
    trained = case.trained
    for seed, log in trained.items():
        if log.train_seconds is None:
            yield not_stated("train-time", f"how long {seeds_named([seed])} was trained", Place(log.name))
    times = {seed: log for seed, log in trained.items() if log.train_seconds}
    if not case.limited:
        if times:
            yield note("train-time", f"no limit in this track: {ranged(times)}", *places(times))
        return
    past = {seed: log for seed, log in times.items() if seconds(log) > LIMIT_SECONDS + CLOCK_SECONDS}
    if past:
        yield error("train-time", f"longer than {LIMIT_SECONDS} s: {ranged(past)}", *places(past))
    late = {seed: log for seed, log in times.items() if seed not in past and seconds(log) > LIMIT_SECONDS}
    if late:
        yield note("train-time", f"stopped just after {LIMIT_SECONDS} s: {ranged(late)}", *places(late))
    yield from calibrated(case, {seed: log for seed, log in times.items() if log.calibration and seed not in past})


def calibrated(case: Case, times: dict[int | None, Log]) -> Iterator[Finding]:
    """Calibration of the export counts as training: with it some runs are longer than the limit."""
    longer = {seed: log for seed, log in times.items() if whole(log) > LIMIT_SECONDS + step_seconds(log)}
    if longer:
        sums = ", ".join(f"{seconds(log)} + {calibration(log)} = {whole(log)}" for log in longer.values())
        flags = [c.place for c in case.claims.all if c.value is True and {"train", "600s"} <= words(c.key)]
        yield warning(
            "train-time",
            f"with the calibration of the export, which counts as training, {seeds_named(longer)} took more than "
            f"{LIMIT_SECONDS} s: {sums}",
            *places(longer),
            *(number.place for log in longer.values() for number in log.calibration),
            *flags,
        )


def seconds(log: Log) -> Decimal:
    """Seconds of training of a log that states them."""
    assert log.train_seconds is not None
    return log.train_seconds.value - log.train_seconds.half


def calibration(log: Log) -> Decimal:
    """Seconds of calibration."""
    return sum((number.value for number in log.calibration), Decimal(0))


def whole(log: Log) -> Decimal:
    """Training and calibration."""
    return seconds(log) + calibration(log)


def step_seconds(log: Log) -> Decimal:
    """The length of a step: a run can only stop after one."""
    return seconds(log) / log.step.value if log.step and log.step.value else Decimal(0)


def ranged(logs: dict[int | None, Log]) -> str:
    """Seeds and their seconds."""
    values = sorted({seconds(log).quantize(Decimal("0.01")) for log in logs.values()})
    span = f"{values[0]:,} s" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,} s"
    return f"{seeds_named(logs)} trained for {span}"


def places(logs: dict[int | None, Log]) -> list[Place]:
    """Where the seconds stand."""
    return [log.train_seconds.place for log in logs.values() if log.train_seconds]


def evaluations(log: Log) -> list[Score]:
    """Results with seconds of the exported model; a result under two labels counts once."""
    found: list[Score] = []
    for score in log.scores:
        after = score.seconds and not before_export(score.label)
        if after and not any(twin(score, other) for other in found):
            found.append(score)
    return found


def twin(score: Score, other: Score) -> bool:
    """Whether two lines tell of one evaluation: one figure, and seconds within a second."""
    close = score.seconds and other.seconds and abs(score.seconds.value - other.seconds.value) <= 1
    return bool(close) and (score.bpb.agrees(other.bpb.value) or other.bpb.agrees(score.bpb.value))


def evaluation(case: Case) -> Iterator[Finding]:
    """Evaluation against the limit: each alone, and all that a log did one after the other."""
    supported = case.support.label if case.support else None
    slow: list[Number] = []
    for log in case.bearing:
        found = evaluations(log)
        if log.scores and not found and log.eval_seconds is None:
            yield not_stated("eval-time", "how long the evaluation took", log.scores[-1].place)
        zeros = [s.place for s in log.scores if s.label == supported and s.seconds and s.seconds.value == 0]
        if zeros:
            yield not_stated("eval-time", f"how long {supported!r} took: 0 is printed", *zeros)
        for score in found:
            if score.seconds and score.seconds.value > LIMIT_SECONDS:
                slow.append(score.seconds)
        total = sum((score.seconds.value for score in found if score.seconds), Decimal(0))
        if case.limited and total > LIMIT_SECONDS and not any(number.place.file == log.name for number in slow):
            text = f"all evaluations together took {total:,} s, more than {LIMIT_SECONDS}"
            yield warning("eval-time", text, *(score.place for score in found))
        if log.eval_seconds and log.eval_seconds.value > LIMIT_SECONDS:
            slow.append(log.eval_seconds)
    if slow:
        worst = max(number.value for number in slow)
        if case.limited:
            yield error(
                "eval-time", f"an evaluation took {worst:,} s, more than {LIMIT_SECONDS}", *(n.place for n in slow)
            )
        else:
            yield note("eval-time", f"no limit in this track: up to {worst:,} s", *(n.place for n in slow))
