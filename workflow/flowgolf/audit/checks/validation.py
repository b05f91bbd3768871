"""The text that was scored: all of it, once, counted in the right bytes, and never trained on."""

import re
from collections.abc import Iterator
from decimal import Decimal

from flowgolf.audit.case import Case
from flowgolf.audit.checks.settings import setting
from flowgolf.audit.code import DEFAULT_DOCS, GIVEN_DOCS, TRAINS_ON_VALIDATION
from flowgolf.audit.finding import Finding, Place, error, not_stated, note, warning
from flowgolf.audit.logs import Log, Score
from flowgolf.audit.number import Number, parse, shown

LN2 = Decimal(2).ln()
VALIDATION_BYTES = Decimal(151_080_000)
"""UTF-8 bytes of the challenge's validation text: what logs with 1,024, 4,096 and 8,192 pieces agree on."""
DOCUMENTS = 50_000  # of the challenge's validation set
BYTES_TOLERANCE = Decimal("0.001")
RATIO_TOLERANCE = Decimal("0.0002")  # evaluations leave out different ends of the text
PARTIAL = (
    "val_doc_fraction",
    "val_max_tokens",
    "max_val_tokens",
    "max_positions",
    "eval_max_tokens",
    "ppm_debug_subset_tokens",
)


def check(case: Case) -> Iterator[Finding]:
    """All findings about the text."""
    for log in case.bearing:
        yield from ratio(log)
        yield from not_numbers(log)
        yield from chunks(log)
    yield from text_scored(case)
    yield from trained_on(case)


def interval(score: Score) -> tuple[Decimal, Decimal] | None:
    """Between which values loss / (bpb ln 2), the bytes a token, lies; None without both."""
    if score.loss is None or score.loss.value <= 0 or score.bpb.value <= score.bpb.half:
        return None
    low = (score.loss.value - score.loss.half) / ((score.bpb.value + score.bpb.half) * LN2)
    return low, (score.loss.value + score.loss.half) / ((score.bpb.value - score.bpb.half) * LN2)


def ratio(log: Log) -> Iterator[Finding]:
    """Loss and bpb of all lines of a log: their ratio is the bytes a token of the text, which is one text."""
    spans = [(score, span) for score in [*log.validations, *log.scores] if (span := interval(score))]
    if not spans:
        return
    first, (low, high) = min(spans, key=lambda each: each[1][1] - each[1][0])
    for score, (start, end) in spans:
        if start > high * (1 + RATIO_TOLERANCE) or end < low * (1 - RATIO_TOLERANCE):
            text = (
                f"{score.label!r} implies {shown((start + end) / 2)} bytes a token, "
                f"{first.label!r} {shown((low + high) / 2)}"
            )
            per_byte = next((one for one, ends in ((score, (start, end)), (first, (low, high))) if is_one(*ends)), None)
            if per_byte is not None:
                text += f"; the loss of {per_byte.label!r} is in nats per byte, not per token"
                yield warning("bytes-per-token", text, score.place, first.place)
            else:
                text += ": not one text, or not one count of bytes"
                yield error("bytes-per-token", text, score.place, first.place)
            return


def is_one(low: Decimal, high: Decimal) -> bool:
    """Whether a ratio of loss and bpb is that of a loss per byte."""
    return low <= 1 + RATIO_TOLERANCE and high >= 1 - RATIO_TOLERANCE


def bytes_per_token(log: Log) -> tuple[Decimal, Score] | None:
    """Bytes a token, from the most precise line that has loss and bpb."""
    spans = [(span, score) for score in [*log.validations, *log.scores] if (span := interval(score))]
    spans = [(span, score) for span, score in spans if not is_one(*span)]
    if not spans:
        return None
    (low, high), score = min(spans, key=lambda each: each[0][1] - each[0][0])
    return (low + high) / 2, score


def not_numbers(log: Log) -> Iterator[Finding]:
    """NaN and infinity."""
    for bad in log.not_numbers[:1]:
        yield error("score", f"{bad.text} is not a number ({len(log.not_numbers)} such figures in this log)", bad.place)


def tokens_of(log: Log) -> Number | None:
    """Tokens of the validation set."""
    return log.counts.get("scored_tokens") or log.counts.get("val_tokens")


def chunks(log: Log) -> Iterator[Finding]:
    """Chunks and windows of test-time training against the tokens of the validation set."""
    numbers = {
        key.rpartition(".")[2]: number
        for key, text in log.settings.items()
        if "ttt" in key and (number := parse(text.text, text.place)) is not None
    }
    tokens, count = tokens_of(log), numbers.get("chunks")
    size = numbers.get("chunk_tokens") or numbers.get("ttt_chunk_tokens")
    if tokens and count and size and count.value * size.value < tokens.value - size.value:
        covered = count.value * size.value
        yield error(
            "coverage",
            f"{count} chunks of {size} tokens hold {covered:,} of {tokens} validation tokens",
            count.place,
            tokens.place,
        )


def text_scored(case: Case) -> Iterator[Finding]:
    """Bytes of the validation text against the challenge's, and settings that make an evaluation partial."""
    yield from partial(case)
    seen: set[Decimal] = set()
    for log in case.bearing:
        tokens, density = tokens_of(log), bytes_per_token(log)
        if tokens is not None and density is not None and tokens.value not in seen:
            seen.add(tokens.value)
            yield from against_export(case, tokens, *density)
    lacking = [Place(log.name) for log in case.bearing if tokens_of(log) is None]
    if lacking:
        yield not_stated("coverage", "how many tokens of the validation set were scored", *lacking)


def partial(case: Case) -> Iterator[Finding]:
    """Settings that score a part of the validation set, and ledgers that say so."""
    for key in PARTIAL:
        found = setting(case, key)
        number = parse(found.text, found.place) if found else None
        whole = number is None or (number.value >= 1 if key == "val_doc_fraction" else number.value <= 0)
        if number and not whole:
            yield error("coverage", f"only a part of the validation set is scored: {key} {number}", number.place)
    for log in case.bearing:
        positions, scored = log.counts.get("positions"), log.counts.get("positions_scored")
        if positions and scored and scored.value < positions.value:
            yield error("coverage", f"{scored} of {positions} positions were scored", scored.place)


def against_export(case: Case, tokens: Number, density: Decimal, score: Score) -> Iterator[Finding]:
    """The validation text of a log against the challenge's own."""
    scored = tokens.value * density
    share = scored / VALIDATION_BYTES
    if abs(share - 1) <= BYTES_TOLERANCE:
        return
    text = (
        f"{tokens} tokens of {shown(density)} bytes are {scored / 10**6:,.2f} MB of text; the challenge's validation "
        f"set has {VALIDATION_BYTES / 10**6:,.2f} MB: not the text that other folders are scored on"
    )
    if share < Decimal("0.9") and case.limited and case.track:
        yield error("coverage", text, tokens.place, score.place)
    else:
        yield warning("coverage", text, tokens.place, score.place)


def trained_on(case: Case) -> Iterator[Finding]:
    """Validation text in training: by the files that a run read, by its code, or by how its shards were made."""
    for log in case.bearing:
        found = log.settings.get("train_files")
        if found and "val" in found.text.rpartition("/")[2].lower():
            yield error("data", f"training read the validation shards: train_files {found.text}", found.place)
        flag = log.settings.get("train_on_val")
        if flag and flag.text.lower() in ("1", "true"):
            yield error("data", "training read the validation shards: train_on_val", flag.place)
    if case.code is not None and (match := TRAINS_ON_VALIDATION.search(case.code.source)):
        line = case.code.source.count("\n", 0, match.start()) + 1
        yield error(
            "data",
            "the script trains on the validation shards",
            Place(case.code.name, None if case.code.layers else line),
        )
    yield from prepared(case)


def prepared(case: Case) -> Iterator[Finding]:
    """Scripts and commands that keep fewer documents out of training than are scored."""
    commands = list(matches(case, GIVEN_DOCS, ".md", ".sh", ".py", ".txt", ".json"))
    right = [place for number, place in commands if number == DOCUMENTS]
    for number, place in commands:
        if number != DOCUMENTS:
            text = f"a command keeps {number:,} documents out of training; the validation set has {DOCUMENTS:,}"
            yield error("data", text, place)
    for number, place in matches(case, DEFAULT_DOCS, ".py"):
        if number != DOCUMENTS:
            yield prepared_by(case, number, place, right)


def prepared_by(case: Case, number: int, place: Place, right: list[Place]) -> Finding:
    """A script whose default leaves validation documents in training: whether the folder says how it was run."""
    text = f"by default {place.file} keeps {number:,} documents out of training; the validation set has {DOCUMENTS:,}"
    if right:
        return note("data", f"{text}; the folder says to run it with {DOCUMENTS:,}", place, *right[:1])
    command = re.compile(rf"python\S*\s[^\n]*\b{re.escape(place.file.rpartition('/')[2])}")
    for name in case.folder.named(".md", ".sh"):
        content = case.folder.text(name)
        if match := command.search(content):
            run = Place(name, content.count("\n", 0, match.start()) + 1)
            return error("data", f"{text}, and the folder says to run it so", place, run)
    return warning("data", f"{text}; whether the training shards were made by it is not stated", place)


def matches(case: Case, pattern: re.Pattern[str], *endings: str) -> Iterator[tuple[int, Place]]:
    """Numbers of documents that a pattern finds in the files of these kinds."""
    for name in case.folder.named(*endings):
        text = case.folder.text(name)
        for match in pattern.finditer(text):
            yield int(match[1].replace("_", "") or 0), Place(name, text.count("\n", 0, match.start()) + 1)
