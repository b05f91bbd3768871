"""The audit of a folder: all checks over one case, and the sentence that sums them up."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowgolf.audit.case import Case, gather
from flowgolf.audit.checks import scheme, scores, settings, sizes, statements, times, told, validation, work
from flowgolf.audit.checks.scores import average
from flowgolf.audit.evidence import Support
from flowgolf.audit.finding import SEVERITIES, Finding, Place, note
from flowgolf.audit.sample import Sample
from flowgolf.audit.significance import Significance, compare
from flowgolf.audit.words import seeds_named

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = tuple(
    part.check for part in (scores, sizes, settings, times, work, scheme, validation, statements, told)
)
MOST_FINDINGS = 500


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    case: Case
    findings: tuple[Finding, ...]
    significance: Significance | None

    @property
    def counts(self) -> dict[str, int]:
        """Severity -> number of findings, in the order of the page."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in SEVERITIES}

    @property
    def verdict(self) -> str:
        """One sentence: whether the logs give the claimed figure, and what else there is."""
        return f"{claim_verdict(self.case)} {counted(self.counts)}"


def audit(path: str | Path, reference: Sample | None = None) -> Audit:
    """Audit a folder, against a reference if there is one. AuditError when the folder cannot be read."""
    case = gather(str(path))
    found = list(case.found)
    for check in CHECKS:
        found += check(case)
    significance = None
    if reference is not None:
        significance, more = compare(case, reference)
        found += more
    unique = merged([*found, *unused(case)])
    if len(unique) > MOST_FINDINGS:
        unique[MOST_FINDINGS:] = [note("log", f"{len(unique) - MOST_FINDINGS} further findings are left out")]
    return Audit(case, tuple(unique), significance)


def unused(case: Case) -> list[Finding]:
    """Logs that have nothing to do with the claimed figure."""
    others = [Place(log.name) for log in case.logs if log not in case.bearing]
    text = (
        "without the claimed val_bpb and the training of a claimed seed: settings, sizes and times in it are not judged"
    )
    return [note("log", text, *others)] if others else []


def merged(found: list[Finding]) -> list[Finding]:
    """Findings in the order of the page; equal ones are one, with all their places."""
    places: dict[tuple[str, str, str], list[Place]] = {}
    for finding in found:
        places.setdefault((finding.severity, finding.kind, finding.text), []).extend(finding.places)
    unique = [Finding(*key, tuple(dict.fromkeys(where))) for key, where in places.items()]
    return sorted(unique, key=lambda finding: finding.order)


def claim_verdict(case: Case) -> str:
    """Whether the logs give the claimed bits per byte."""
    if case.main is None:
        return "No val_bpb is claimed."
    number, support = case.main[1], case.support
    if not case.evidence.labels():
        return f"No log gives a result that val_bpb {number} could be checked against."
    if support is None:
        return f"The logs do not give val_bpb {number}."
    return f"The logs give val_bpb {number}{how(support)}."


def how(support: Support) -> str:
    """What gives the claimed figure."""
    if support.before_export:
        return " for the model before export only"
    if not support.whole:
        return f" for {seeds_named(support.scores)} alone, by {support.label!r}"
    if len(support.scores) == 1:
        return f": {seeds_named(support.scores)}, {support.label!r}"
    return f": mean over {seeds_named(support.scores)} of {support.label!r}, {average(support)}"


def counted(counts: dict[str, int]) -> str:
    """`2 errors, 1 warning, 3 not stated, 0 notes.`"""
    plural = {"error": "errors", "warning": "warnings", "note": "notes"}
    parts = [f"{n} {plural.get(severity, severity) if n != 1 else severity}" for severity, n in counts.items()]
    return ", ".join(parts) + "."
