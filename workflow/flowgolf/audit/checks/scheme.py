"""How the claimed figure was evaluated: which lines give it, from which model, by which rules."""

from collections.abc import Iterator

from flowgolf.audit.case import Case
from flowgolf.audit.checks.settings import setting
from flowgolf.audit.evidence import before_export
from flowgolf.audit.finding import Finding, Place, error, not_stated, note, warning
from flowgolf.audit.logs import AFTER_TTT, Log, Score


def check(case: Case) -> Iterator[Finding]:
    """All findings about the evaluation."""
    yield from which(case)
    for log in case.bearing:
        yield from better_than_before(log)
    yield from repeated(case)
    yield from last_chunk(case)
    yield from made_anew(case)
    yield from adapted(case)


def words_of(case: Case) -> str:
    """Everything that says how the claimed figure was made: its label, and what the log set for it."""
    label = case.support.label if case.support else ""
    mode = setting(case, "final_eval_mode", "eval_mode")
    return f"{label} {mode.text if mode else ''}".lower()


def which(case: Case) -> Iterator[Finding]:
    """Which evaluation gives the figure, and what the logs do not say of it."""
    support = case.support
    if support is None:
        return
    text = words_of(case)
    stride = setting(case, "eval_stride", "stride", "ttt_sliding.stride", "legal_ttt.stride", "evaluate.sliding.stride")
    on_line = any(score.stride for log in case.bearing for score in log.scores if score.label == support.label)
    if ("sliding" in text or "ttt" in text) and stride is None and not on_line:
        yield not_stated("scheme", f"the stride of the windows of {support.label!r}", *support.places)
    if "sliding" in text and "roundtrip" in support.label and (mode := setting(case, "final_eval_mode", "eval_mode")):
        yield note(
            "scheme",
            f"{support.label!r} is a sliding-window figure: the log sets {mode.text}",
            mode.place,
            *support.places,
        )
    if AFTER_TTT in support.label:
        plain = support.label.removesuffix(AFTER_TTT).strip()
        text = f"the figure of {plain!r} is also printed on a line that names test-time training"
        yield note("scheme", text, *support.places)


def repeated(case: Case) -> Iterator[Finding]:
    """A figure that is printed again, without seconds, under the name of another evaluation."""
    found: dict[tuple[str, str], list[Place]] = {}
    for log in case.bearing:
        for index, score in enumerate(log.scores):
            if score.seconds is None and kind_of(score.label) == "roundtrip":
                for first in log.scores[:index]:
                    if kind_of(first.label) == "sliding" and first.bpb.value == score.bpb.value:
                        found.setdefault((score.label, first.label), []).append(score.place)
    for (label, first_label), places in found.items():
        yield note("scheme", f"{label!r} repeats the figure of {first_label!r}: it is no roundtrip", *places)


def kind_of(label: str) -> str:
    """`ttt`, `sliding`, `roundtrip` or nothing."""
    return next((kind for kind in ("ttt", "sliding", "roundtrip") if kind in label), "")


def better_than_before(log: Log) -> Iterator[Finding]:
    """An exported model that scores better than before its export, where no other evaluation explains it."""
    floats = [score for score in log.scores if before_export(score.label)]
    reference = floats[-1] if floats else (log.validations[-1] if log.validations and log.trained else None)
    mode = log.settings.get("final_eval_mode")
    if reference is None or (mode and "sliding" in mode.text):
        return
    others = {score.bpb.value for score in log.scores if kind_of(score.label) in ("ttt", "sliding")}
    for score in log.scores:
        better = score.bpb.value < reference.bpb.value - reference.bpb.half
        if better and kind_of(score.label) == "roundtrip" and score.bpb.value not in others:
            text = f"why {score.label!r}, {score.bpb}, is better than {reference.bpb} before export"
            yield not_stated("scheme", text, score.place, reference.place)
            return


def last_chunk(case: Case) -> Iterator[Finding]:
    """A running figure that has reached the end and is not the final one."""
    pairs = [(log.progress, final) for log in case.bearing if log.progress and (final := unlike(log))]
    if pairs:
        named = ", ".join(f"{running.bpb} and {final.bpb}" for running, final in pairs)
        text = f"why the running bpb after the last chunk is not the result ({named}): one process's share, perhaps"
        yield not_stated("scheme", text, *(score.place for pair in pairs for score in pair))


def unlike(log: Log) -> Score | None:
    """The first result after the last chunk, if no result is what the chunks ran up to."""
    last = log.progress
    if last is None or "ttt" not in last.label or not at_end(last.label):
        return None
    finals = [score for score in log.scores if (score.place.line or 0) > (last.place.line or 0)]
    same = any(score.bpb.last_digit(last.bpb.value, last.bpb.half) for score in finals)
    return None if same or not finals else finals[-1]


def at_end(label: str) -> bool:
    """Whether `[1893/1893]` says that this chunk is the last."""
    done, _, whole = label.partition("[")[2].partition("]")[0].partition("/")
    return bool(done) and done.strip() == whole.strip()


def made_anew(case: Case) -> Iterator[Finding]:
    """An evaluation that exported the model again: the file that was submitted is not what it read."""
    for log in case.bearing:
        model = log.last("model")
        if log.reloaded and model:
            yield warning(
                "artifact",
                f"this evaluation loaded weights and exported them again ({model.bytes} bytes): "
                "that it scored the submitted file is not shown",
                log.reloaded,
                model.bytes.place,
            )


def adapted(case: Case) -> Iterator[Finding]:
    """What test-time training may use: a log with a ledger shows it, others do not."""
    support = case.support
    if support is None or "ttt" not in support.label.lower():
        return
    for log in case.with_figure:
        distance, times = log.counts.get("least_distance_to_frontier"), log.counts.get("most_times_scored")
        if distance is not None and distance.value < 1:
            yield error(
                "legality", f"a position was trained on before it was scored: distance {distance}", distance.place
            )
        if times is not None and times.value != 1:
            yield error("legality", f"a position was scored {times} times", times.place)
    if not all("least_distance_to_frontier" in log.counts for log in case.with_figure):
        yield not_stated(
            "legality",
            "that test-time training used only positions already scored: no line of a log shows it",
            *support.places,
        )
