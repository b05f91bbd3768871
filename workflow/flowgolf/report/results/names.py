"""Names of the files that a study's report consists of. Imports nothing heavy: a Snakefile reads it while parsing."""

from collections.abc import Iterable

TABLES = ("seeds", "two_by_two", "effects", "trajectory", "export", "compare")
FIGURES = ("training_curves", "ttt_curves", "size_bpb", "effects", "artifact_bytes")
TABLE_SUFFIXES = (".csv", ".md", ".tex", ".html")
FIGURE_SUFFIXES = (".png", ".svg")
SUMMARY = "summary.md"
MATCHED = "two_by_two_matched"


def sweep_name(sweep: str) -> str:
    """Name of a sweep's table and figure, without suffix."""
    return f"sweep_{sweep}"


def table_names(sweeps: Iterable[str], matched: bool = False) -> list[str]:
    """File names of all tables of a study with these sweeps, the summary included; `matched`: with matched plans."""
    tables = [*TABLES, *([MATCHED] if matched else []), *(sweep_name(sweep) for sweep in sweeps)]
    return [SUMMARY, *(table + suffix for table in tables for suffix in TABLE_SUFFIXES)]


def figure_names(sweeps: Iterable[str]) -> list[str]:
    """File names of all figures of a study with these sweeps."""
    figures = [*FIGURES, *(sweep_name(sweep) for sweep in sweeps)]
    return [figure + suffix for figure in figures for suffix in FIGURE_SUFFIXES]
