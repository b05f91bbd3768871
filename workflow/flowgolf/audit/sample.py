"""The results over seeds of a folder, or of a reference that somebody gives."""

import re
from dataclasses import dataclass
from pathlib import Path

from flowgolf.audit.case import Case, gather
from flowgolf.audit.checks.validation import bytes_per_token, interval, is_one
from flowgolf.audit.finding import Place
from flowgolf.audit.folder import AuditError
from flowgolf.audit.logs import Score
from flowgolf.audit.number import parse

MOST_BYTES = 100_000
MOST_BPB = 20
OF_SEEDS = ("val_bpb", "bpb", "seed_scores", "val_bpb_seeds")


@dataclass(frozen=True)
class Sample:
    """The results over seeds of one side."""

    name: str
    bpb: tuple[float, ...]
    nats: tuple[float, ...] = ()
    """Nats per token, where every result line states them."""
    bytes_per_token: float | None = None
    places: tuple[Place, ...] = ()


def sample_of(case: Case) -> Sample | None:
    """The results behind a folder's claimed figure, else the claims of its seeds; None without either."""
    name, support = case.folder.root.name, case.support
    if support is None or support.before_export:
        return claimed(case, name)
    vector = support.scores if support.whole else next(case.evidence.vectors(support.label, "bpb"), support.scores)
    return of_scores(case, name, list(vector.values()))


def of_scores(case: Case, name: str, scores: list[Score]) -> Sample:
    """Result lines as a sample."""
    densities = [found[0] for log in case.logs if (found := bytes_per_token(log))]
    spans = [(score.loss, interval(score)) for score in scores]
    nats = tuple(float(number.value) for number, span in spans if number and span and not is_one(*span))
    return Sample(
        name,
        tuple(float(score.bpb.value) for score in scores),
        nats if densities and len(nats) == len(scores) else (),
        float(densities[0]) if densities else None,
        tuple(score.place for score in scores),
    )


def claimed(case: Case, name: str) -> Sample | None:
    """What submission.json says of its seeds."""
    found = [
        number
        for seed in case.claims.seeds
        for claim, number in case.claims.numbers(seed)
        if claim.key in OF_SEEDS and number.value > 0
    ]
    if not found:
        return None
    return Sample(name, tuple(float(number.value) for number in found), places=tuple(n.place for n in found))


def reference_of(text: str) -> Sample:
    """A reference: a record folder, or a file of bits per byte. AuditError for anything else."""
    path = Path(text)
    if path.is_dir():
        sample = sample_of(gather(text))
        if sample is None:
            raise AuditError(f"--reference {text}: neither its logs nor its claims give bits per byte of its seeds")
        return sample
    if not path.is_file():
        raise AuditError(f"--reference {text}: neither a folder nor a file; bits per byte go to --reference-bpb")
    with path.open("rb") as file:
        return reference_numbers(file.read(MOST_BYTES).decode("utf-8", "replace"), f"--reference {text}", path.name)


def reference_numbers(text: str, given: str, name: str) -> Sample:
    """Bits per byte separated by commas or blanks. AuditError when something else stands there."""
    values = []
    for word in filter(None, re.split(r"[\s,;]+", text)):
        number = parse(word, Place(name))
        if number is None or not 0 < number.value < MOST_BPB:
            raise AuditError(f"{given}: {word[:40]!r} is not bits per byte; numbers such as 1.0897,1.0901 are expected")
        values.append(float(number.value))
    if not values:
        raise AuditError(f"{given}: no number; bits per byte such as 1.0897,1.0901 are expected")
    return Sample(name, tuple(values))
