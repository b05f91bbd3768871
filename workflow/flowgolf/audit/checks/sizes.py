"""Bytes of model and code: sums, the cap, claims, and the files that lie in the folder."""

from collections.abc import Iterator
from decimal import Decimal

from flowgolf.audit.case import CAP_BYTES, Case
from flowgolf.audit.checks.kinds import kind, words
from flowgolf.audit.claims import Claim
from flowgolf.audit.finding import Finding, Place, error, not_stated, note, warning
from flowgolf.audit.logs import Log
from flowgolf.audit.number import Number, mean

TOTALS = ("bytes_total", "total_bytes", "total_submission_bytes", "artifact_bytes_max", "max_artifact_bytes")
MODEL_FILES = (".ptz", ".bin", ".zst", ".xz", ".lzma", ".br", ".pt", ".npz", ".safetensors")


def check(case: Case) -> Iterator[Finding]:
    """All findings about sizes."""
    for log in case.bearing:
        yield from logged(log)
    yield from own_sum(case)
    yield from claimed(case)
    yield from script(case)
    yield from artifacts(case)
    yield from codes_differ(case)
    yield from other_total(case)


def logged(log: Log) -> Iterator[Finding]:
    """A log's total is model and code, and below the cap."""
    total, model, code = log.last("total"), log.last("model"), log.last("code")
    if total is None:
        if log.trained and model is None:
            yield not_stated("size", "no size of the compressed model", Place(log.name))
        elif log.trained and model and code and model.bytes.value + code.bytes.value > CAP_BYTES:
            yield over(model.bytes.value + code.bytes.value, model.bytes.place, code.bytes.place)
        return
    if total.bytes.value > CAP_BYTES:
        yield over(total.bytes.value, total.bytes.place)
    codes = [size.bytes for size in log.sizes["code"]]
    models = [size.bytes for size in log.sizes["model"]]
    sums = {m.value + c.value for m in models for c in codes}
    if sums and total.bytes.value not in sums and model and code:
        yield error(
            "size",
            f"the total {total.bytes} is not the model's {model.bytes} and the code's {code.bytes}: "
            f"{model.bytes.value + code.bytes.value:,}",
            total.bytes.place,
            model.bytes.place,
            code.bytes.place,
        )
    elif not codes and model and total.bytes.value > model.bytes.value:
        rest = total.bytes.value - model.bytes.value
        yield not_stated("size", f"the size of the code; the total leaves {rest:,} bytes for it", total.bytes.place)


def over(total: Decimal, *places: Place) -> Finding:
    """Above the cap."""
    return error("cap", f"{total:,} bytes are {total - CAP_BYTES:,} more than {CAP_BYTES:,}", *places)


def counted_code(case: Case) -> dict[Decimal, list[Number]]:
    """Sizes of code that the totals of the logs count -> where they stand."""
    found: dict[Decimal, list[Number]] = {}
    for log in case.bearing:
        total, model = log.last("total"), log.last("model")
        codes = [size.bytes for size in log.sizes["code"]]
        exact = [c for c in codes if total and model and model.bytes.value + c.value == total.bytes.value]
        for code in exact or codes[-1:]:
            found.setdefault(code.value, []).append(code)
    return found


def own_sum(case: Case) -> Iterator[Finding]:
    """submission.json's total against its own model and code, for the whole and for each seed."""
    for seed in (None, *case.claims.seeds):
        sizes = {claim.key: (claim, n) for claim, n in case.claims.numbers(seed) if kind(claim) == "bytes"}
        total = next((sizes[key] for key in TOTALS[:3] if key in sizes), None)
        code = next((each for key, each in sizes.items() if "code" in words(key)), None)
        model = next((each for key, each in sizes.items() if {"model", "weights"} & words(key)), None)
        if total and code and model and model[1].value + code[1].value != total[1].value:
            yield error(
                "size",
                f"{total[0].name} {total[1]} is not {model[0].key} {model[1]} + {code[0].key} {code[1]} = "
                f"{model[1].value + code[1].value:,}",
                total[0].place,
                model[0].place,
                code[0].place,
            )


def claimed(case: Case) -> Iterator[Finding]:
    """Every claimed number of bytes against the logs."""
    for seed in (None, *case.claims.seeds):
        for claim, number in case.claims.numbers(seed):
            if kind(claim) != "bytes" or number.value < 1000:
                continue
            if number.value > CAP_BYTES and "raw" not in words(claim.key) and "code" not in words(claim.key):
                yield over(number.value, claim.place)
            logs = case.logs if seed is None else case.evidence.by_seed.get(seed, [])
            known = any(log.sizes["total"] or log.sizes["model"] for log in logs)
            if known and number.value not in case.unlogged:
                yield from size_claim(case, claim, number, logs)


def size_claim(case: Case, claim: Claim, number: Number, logs: list[Log]) -> Iterator[Finding]:
    """One claimed size: a size of the logs, the largest total where it is the total, or a mean over seeds."""
    totals = {log.name: size.bytes for log in logs if (size := log.last("total"))}
    largest = max(totals.values(), key=lambda each: each.value, default=None)
    printed = [size.bytes for log in logs for sizes in log.sizes.values() for size in sizes]
    same = [each for each in printed if number.agrees(each.value)]
    average = mean([each.value for each in totals.values()]) if totals else None
    is_total = claim.seed is None and claim.key in TOTALS
    if is_total and largest is not None and same and number.value < largest.value:
        yield note(
            "size", f"{claim.name} {number} is not the largest: another log has {largest}", claim.place, largest.place
        )
    elif same or (average is not None and "mean" in words(claim.key) and number.last_digit(average, Decimal("0.5"))):
        return
    elif average is not None and abs(number.value - average) < 1 and largest is not None:
        yield note(
            "size",
            f"{claim.name} {number} is the mean over the logs; the largest is {largest}",
            claim.place,
            largest.place,
        )
    elif case.code is not None and "code" in words(claim.key) and number.value == case.code.size:
        return
    else:
        yield no_such_size(claim, number, largest)


def no_such_size(claim: Claim, number: Number, largest: Number | None) -> Finding:
    """A size that no log printed; one below the largest total is the worse."""
    if largest is None or "code" in words(claim.key):
        return warning("size", f"{claim.name} {number} is printed in no log", claim.place)
    if number.value < largest.value and claim.key in TOTALS:
        text = f"{claim.name} {number} is printed in no log, and a log has {largest}, which is more"
        return error("size", text, claim.place, largest.place)
    return warning("size", f"{claim.name} {number} is printed in no log; the largest total is {largest}", claim.place)


def script(case: Case) -> Iterator[Finding]:
    """The script that lies in the folder against the code that was counted."""
    if case.code is None:
        return
    counted = counted_code(case)
    claims = [(claim, n) for claim, n in case.claims.numbers() if kind(claim) == "bytes" and "code" in words(claim.key)]
    sizes = counted or {number.value: [number] for _, number in claims}
    if not sizes:
        yield not_stated("size", f"how many bytes of code were counted; {case.code.name} has {case.code.size:,}")
        return
    least = min(sizes)
    model = max((m.bytes for log in case.logs if (m := log.last("model"))), key=lambda each: each.value, default=None)
    if case.code.size not in sizes:
        places = [Place(case.code.name), *(number.place for numbers in sizes.values() for number in numbers[:1])]
        text = f"{case.code.name} has {case.code.size:,} bytes, counted were {' and '.join(f'{s:,}' for s in sizes)}"
        if case.code.size > least and model is not None and model.value + case.code.size > CAP_BYTES:
            total = model.value + case.code.size
            yield error("cap", f"{text}; with the file as it lies here the total is {total:,}", *places, model.place)
        else:
            yield warning("code", text, *places)


def artifacts(case: Case) -> Iterator[Finding]:
    """Model files in the folder against the sizes of the logs."""
    models = [size.bytes for log in case.logs for size in log.sizes["model"]]
    for name in case.folder.named(*MODEL_FILES):
        size = case.folder.files[name]
        if "/" in name or not models:
            continue
        same = next((number for number in models if number.value == size), None)
        if same is None:
            yield warning("artifact", f"{size:,} bytes: no log printed a model of this size", Place(name))
        elif case.claims.all:
            yield note("artifact", f"{size:,} bytes, the size that a log printed", Place(name), same.place)


def codes_differ(case: Case) -> Iterator[Finding]:
    """Logs of one submission that printed different sizes of code were not made by one code."""
    counted = counted_code(case)
    if len(counted) < 2:
        return
    parts = []
    for size, numbers in sorted(counted.items()):
        names = [log for log in case.logs if log.name in {number.place.file for number in numbers}]
        parts.append(f"{size:,} bytes ({', '.join(log.name for log in names)})")
    yield error(
        "code",
        f"the logs were not made by one code: {' and '.join(parts)}",
        *(number.place for _, numbers in sorted(counted.items()) for number in numbers),
    )


def other_total(case: Case) -> Iterator[Finding]:
    """A claimed total that an evaluation printed, while the training of that seed printed another."""
    for seed in (None, *case.claims.seeds):
        for claim, number in case.claims.numbers(seed):
            if kind(claim) == "bytes":
                yield from other_training(case, claim, number)


def other_training(case: Case, claim: Claim, number: Number) -> Iterator[Finding]:
    """The log of the training whose model a claimed total counts, if it printed another total for that model."""
    totals = {log.name: (log, size.bytes, log.last("model")) for log in case.logs if (size := log.last("total"))}
    same = [(log, total, model) for log, total, model in totals.values() if total.value == number.value]
    if not same or any(log.trained for log, _, _ in same):
        return
    _, counted, model = same[0]
    for log, total, own in totals.values():
        if log.trained and model and own and own.bytes.value == model.bytes.value and total.value != number.value:
            yield error(
                "size",
                f"{claim.name} {number} counts {number.value - model.bytes.value:,} bytes of code; the log of the "
                f"training printed {total} with {total.value - model.bytes.value:,}",
                claim.place,
                total.place,
                counted.place,
            )
