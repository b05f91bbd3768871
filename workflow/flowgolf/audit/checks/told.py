"""Figures in texts: the blurb of submission.json and the tables of the README."""

import re
from collections.abc import Iterator
from decimal import Decimal

from flowgolf.audit.case import Case
from flowgolf.audit.checks.scores import spread_finding
from flowgolf.audit.claims import Claim
from flowgolf.audit.finding import Finding, Place, note, warning
from flowgolf.audit.number import parse, shown
from flowgolf.audit.words import joined

MEAN = re.compile(r"(?i)\bmean\b(?:\s+(?:of|over)\s+\d+\s+seeds?)?[^.\d\n]{0,40}(\d\.\d{3,10})")
SD = re.compile(r"(?i)\b(?:std|sd|stdev)\b[^.\d\n]{0,12}(0?\.\d{3,10})")
OTHERS = re.compile(r"(?i)(#\d|\bPR\b|beat|\bvs\b|versus|baseline|previous|prior|sota|merged)[^.|\n]{0,60}$")
FAR = 40  # characters after a mean; a spread further on is of something else
CELL = re.compile(r"^[*`_~ ]*(\d\.\d{3,10}|\d{1,3}(?:,\d{3}){2,}|\d{7,9})[*`_~ ]*$")
SEED_CELL = re.compile(r"(?i)^[*`_ ]*(?:seed )?[*`_ ]*(\d{1,6})[*`_ ]*$")


def check(case: Case) -> Iterator[Finding]:
    """All findings about texts."""
    yield from blurb(case)
    yield from readme(case)


def blurb(case: Case) -> Iterator[Finding]:
    """Means and standard deviations in the texts of submission.json."""
    for claim in case.claims.all:
        if isinstance(claim.value, str) and len(claim.value) < 5_000:
            yield from told(case, claim, claim.value)


def told(case: Case, claim: Claim, text: str) -> Iterator[Finding]:
    """Figures of a text that says mean and std; those of others, as in `beats PR 549's mean`, are left alone."""
    for match in MEAN.finditer(text):
        number = parse(match[1], claim.place)
        if number is None or OTHERS.search(text[: match.start()]):
            continue
        support = case.evidence.support(number, "bpb") or case.evidence.support(number, "loss")
        if support is None and case.logs and not case.unlogged and case.evidence.printed(number) is None:
            yield warning("text", f"{claim.name} says mean {number}: no result of the logs has this mean", claim.place)
        if support is not None and support.whole and not support.exact:
            says = f"{claim.name} says mean {number}: the logs give {shown(support.mean, 9)}"
            yield note("rounding", says, claim.place, *support.places)
        sd = SD.search(text, match.end(), match.end() + FAR)
        stated = parse(sd[1], claim.place) if sd and support and len(support.scores) > 1 else None
        if stated and support and (finding := spread_finding(f"{claim.name} says std", stated, support.numbers)):
            yield finding


def readme(case: Case) -> Iterator[Finding]:
    """Rows of the README's tables that begin with a seed: every score and size in them is in that seed's logs."""
    if "README.md" not in case.folder.files:
        return
    for number, line in enumerate(case.folder.text("README.md").splitlines(), 1):
        cells = line.strip().strip("|").split("|")
        seed = SEED_CELL.match(cells[0]) if line.lstrip().startswith("|") and len(cells) > 1 else None
        if seed and int(seed[1]) in case.evidence.by_seed:
            yield from row(case, int(seed[1]), cells[1:], Place("README.md", number))


def row(case: Case, seed: int, cells: list[str], place: Place) -> Iterator[Finding]:
    """One row of a table."""
    logs = case.evidence.by_seed[seed]
    scores = [s for log in logs for s in [*log.scores, *log.validations]]
    known = [n for score in scores for n in (score.bpb, score.loss) if n is not None]
    known += [size.bytes for log in logs for sizes in log.sizes.values() for size in sizes]
    known += [number for _, number in case.claims.numbers(seed)]
    lacking = []
    for cell in cells:
        match = CELL.match(cell.strip())
        number = parse(match[1], place) if match else None
        same = number and any(number.last_digit(n.value, n.half) for n in known)
        if number and number.value > Decimal("0.5") and not same and case.evidence.printed(number, seed) is None:
            lacking.append(number)
    if lacking:
        yield warning("text", f"the row of seed {seed} has {joined(lacking)}, which none of its logs has", place)
