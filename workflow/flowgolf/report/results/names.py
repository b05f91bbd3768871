"""Names of the files of a study's report. Imports nothing heavy, since the Snakefile imports this while it is read."""

from collections.abc import Iterable

TABLES = ("seeds", "two_by_two", "arms", "effects", "trajectory", "export", "codecs", "parts", "compare")
PLOTS = ("training_curves", "ttt_curves", "size_bpb", "effects", "artifact_bytes")
TABLE_SUFFIXES = (".csv", ".md", ".tex", ".html")
PLOT_SUFFIXES = (".png", ".svg")
SUMMARY = "summary.md"
MATCHED = "two_by_two_matched"
CLAIMS = "claims"


def sweep_name(sweep: str) -> str:
    """Name of a sweep's table and of its plot, without suffix."""
    return f"sweep_{sweep}"


def table_names(sweeps: Iterable[str], matched: bool = False, claims: bool = False) -> list[str]:
    """List the file names of all tables, summary.md included.

    `sweeps` are the names of the study's sweeps; `matched` adds the 2x2 of arms exported with one bit plan, `claims`
    the verdicts on what the study claims.
    """
    asked = [*([CLAIMS] if claims else []), *([MATCHED] if matched else [])]
    tables = [*TABLES, *asked, *(sweep_name(sweep) for sweep in sweeps)]
    return [SUMMARY, *(table + suffix for table in tables for suffix in TABLE_SUFFIXES)]


def figure_names(sweeps: Iterable[str]) -> list[str]:
    """List the file names of all plots, which lie in the folder `figures`; `sweeps` as for `table_names`."""
    plots = [*PLOTS, *(sweep_name(sweep) for sweep in sweeps)]
    return [plot + suffix for plot in plots for suffix in PLOT_SUFFIXES]
