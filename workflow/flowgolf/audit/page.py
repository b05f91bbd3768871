"""An audit as a page of Markdown and as plain values."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tabulate import tabulate

from flowgolf.audit.checks.times import calibration, evaluations
from flowgolf.audit.finding import SEVERITIES, Finding, Place
from flowgolf.audit.logs import Log
from flowgolf.audit.scheme_table import rows
from flowgolf.audit.verdict import Audit

MOST_PLACES = 12
HEADINGS = {"error": "Errors", "warning": "Warnings", "not stated": "Not stated", "note": "Notes"}


def markdown(audit: Audit) -> str:
    """The page: verdict, findings by severity, what the logs say, the test against the reference."""
    case = audit.case
    parts = [f"# Audit of {safe(case.folder.root.name)}", safe(audit.verdict)]
    for severity in SEVERITIES:
        found = [row(finding) for finding in audit.findings if finding.severity == severity]
        if found:
            parts += [f"## {HEADINGS[severity]}", table(found, ["kind", "finding", "where"])]
    about = [[name, safe(value), where(places)] for name, value, places in rows(case)]
    if about:
        parts += ["## The claimed figure in the logs", table(about, ["what", "value", "where"])]
    if case.logs:
        parts += ["## All logs", table([log_row(log) for log in case.logs], LOG_HEADERS)]
    count = f"{len(case.logs)} log{'s' * (len(case.logs) != 1)}"
    parts.append(f"Read: {count}, {len(case.claims.all)} values of submission.json. Nothing in the folder was run.")
    return "\n\n".join(parts) + "\n"


def table(rows: list[list[str]], headers: Sequence[str]) -> str:
    """A Markdown table; figures stay as they are."""
    return str(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


def row(finding: Finding) -> list[str]:
    """A finding as a row."""
    return [finding.kind, safe(finding.text), where(finding.places)]


def where(places: Sequence[Place]) -> str:
    """Places, a bounded number of them."""
    more = [f"and {len(places) - MOST_PLACES} more"] if len(places) > MOST_PLACES else []
    return ", ".join([safe(str(place)) for place in places[:MOST_PLACES]] + more)


LOG_HEADERS = (
    "log", "seed", "steps", "train (s)", "calibration (s)", "evaluation (s)",
    "last result", "bpb", "loss", "model", "code", "total",
)  # fmt: skip


def log_row(log: Log) -> list[str]:
    """The facts of a log as a row; what it does not say stays empty."""
    last = log.scores[-1] if log.scores else None
    sizes = {kind: log.last(kind) for kind in ("model", "code", "total")}
    timed = [f"{score.seconds.value:.3f}" for score in evaluations(log) if score.seconds]
    cells: list[Any] = [
        log.name, log.seed and log.seed.value, log.step if log.trained else None,
        log.train_seconds if log.trained else None,
        calibration(log) if log.calibration else None, " + ".join(timed), last and last.label, last and last.bpb,
        last and last.loss, *(size and size.bytes for size in sizes.values()),
    ]  # fmt: skip
    return ["" if cell is None else safe(str(cell)) for cell in cells]


def safe(text: str) -> str:
    """Text of strangers for a page: no control characters, no links, no HTML, no end of a cell."""
    visible = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", "?", text)
    return re.sub(r"([\[\]|<>`!\\])", r"\\\1", visible)


def values(audit: Audit) -> dict[str, Any]:
    """The audit for a program."""
    return {
        "folder": audit.case.folder.root.name,
        "verdict": audit.verdict,
        "counts": audit.counts,
        "findings": [
            {
                "severity": finding.severity,
                "kind": finding.kind,
                "text": finding.text,
                "places": [{"file": place.file, "line": place.line} for place in finding.places],
            }
            for finding in audit.findings
        ],
        "significance": None if audit.significance is None else asdict(audit.significance),
    }
