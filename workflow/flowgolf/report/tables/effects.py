"""Table 7 (docs/spec/results.md): every difference that a study asks about, in one list."""

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.effects import all_effects
from flowgolf.report.results.metrics import partial_notes
from flowgolf.report.results.seed_statistics import Comparison
from flowgolf.report.results.words import evidence_notes
from flowgolf.report.tables.render import Column, Table


def effects_table(results: Results) -> Table:
    """Make a row for each difference that the study asks about."""
    rows = [
        {"family": effect.family, "what": effect.what, **evidence(effect.comparison)} for effect in all_effects(results)
    ]
    frame = pd.DataFrame(rows, columns=["family", "what", *EVIDENCE], dtype=object)
    columns = [Column("family", "family"), Column("what", "difference"), *evidence_columns()]
    notes = [*evidence_notes(results), *partial_notes(results)]
    return Table("effects", "Differences in bpb (negative is better)", frame, columns, notes)


EVIDENCE = ("difference", "difference_low", "difference_high", "n", "test", "p", "p_holm", "tests", "verdict")


def evidence(comparison: Comparison) -> dict[str, float | int | str]:
    """Make the cells of a comparison, under the names `EVIDENCE`."""
    values = (
        comparison.difference, comparison.low, comparison.high, comparison.n_text, comparison.test,
        comparison.p, comparison.p_holm, comparison.tests if comparison.tested else "", comparison.verdict,
    )  # fmt: skip
    return dict(zip(EVIDENCE, values, strict=True))


def evidence_columns() -> list[Column]:
    """Printed columns of the cells that `evidence` makes."""
    return [
        Column("difference", "bpb difference", "+.5f"),
        Column("difference_low", "95 % interval", "+.5f", upper="difference_high"),
        Column("n", "n"),
        Column("test", "test"),
        Column("p", "p", ".3g"),
        Column("p_holm", "p (Holm)", ".3g"),
        Column("tests", "tests of the family"),
        Column("verdict", "verdict"),
    ]
