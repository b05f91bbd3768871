"""The table of claims (docs/claims.md): what was claimed before the study ran, and what came of it."""

import math
from collections.abc import Iterable

import pandas as pd

from flowgolf.report.results.claims import Judged, in_words, judged_claims
from flowgolf.report.results.collect import Results
from flowgolf.report.results.names import CLAIMS
from flowgolf.report.tables.render import Column, Table

TESTS = {
    "anytime": "confidence sequence over seeds",
    "welch": "Welch t, one-sided",
    "one_sample_t": "one-sample t, one-sided",
    "z": "z, one-sided",
}


def claims_table(results: Results) -> Table:
    """Make a row for each claim, in the order of declaration."""
    judged = judged_claims(results)
    rows = [{"claim": each.name, "what": in_words(each.claim), **cells(each)} for each in judged]
    columns = [
        Column("claim", "claim"), Column("what", "that"), Column("verdict", "verdict"), Column("n", "n"),
        Column("difference", "difference", "+.5f"), Column("low", "bounds", "+.5f", upper="high"),
        Column("unit", "unit"), Column("error_rate", "error rate", "g"), Column("test", "by"),
        Column("looks", "looked at n"),
    ]  # fmt: skip
    keys = [key for column in columns for key in (column.key, column.upper) if key]
    return Table(CLAIMS, "Claims", pd.DataFrame(rows, columns=keys, dtype=object), columns, notes(results, judged))


def cells(judged: Judged) -> dict[str, object]:
    """The verdict with its evidence; of a claim that nothing can be said of, the reason."""
    claim, last = judged.claim, judged.last
    looked = [look for look in judged.looks if last is not None and look.n <= last.n]
    return {
        "verdict": last.verdict if last else judged.reason,
        "n": last.n if last else 0,
        "difference": last.estimate if last else math.nan,
        "low": unbounded(last.low if last else math.nan),
        "high": last.high if last else math.nan,
        "unit": claim.unit,
        "error_rate": claim.error_rate,
        "test": TESTS[claim.test],
        "looks": ", ".join(str(look.n) for look in looked),
    }


def unbounded(low: float) -> float | str:
    """A lower bound, or a word where there are no bounds yet."""
    return "none yet" if math.isinf(low) else low


def notes(results: Results, judged: Iterable[Judged]) -> list[str]:
    """What the columns mean, and which rule added seeds."""
    found = ["Differences are arm - other. Each verdict is wrong in at most the error rate of studies."]
    rule = results.manifest.get("seed_rule")
    if rule:
        undecided = [each.name for each in judged if not each.decided]
        found.append(
            f"Seeds are added, from {rule['start']} up to {rule['most']}, until a claim is decided; the bounds hold at "
            "every look at once." + (f" Undecided: {', '.join(undecided)}." if undecided else "")
        )
    return found
