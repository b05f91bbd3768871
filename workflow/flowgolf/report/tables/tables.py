"""All tables of a study, made at any moment from whatever records exist."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flowgolf.files import replacing
from flowgolf.report.results.cautions import caution_notes
from flowgolf.report.results.collect import Results, collect_results
from flowgolf.report.results.metrics import EVALUATIONS, partial_runs
from flowgolf.report.results.names import MATCHED, SUMMARY
from flowgolf.report.results.study_rules import check, commit_notes
from flowgolf.report.results.words import unlike_notes
from flowgolf.report.tables.arms import arms_table
from flowgolf.report.tables.beside_published import compare_table
from flowgolf.report.tables.by_codec import codecs_table
from flowgolf.report.tables.claims import claims_table
from flowgolf.report.tables.effects import effects_table
from flowgolf.report.tables.parts import parts_table
from flowgolf.report.tables.per_seed import seeds_table
from flowgolf.report.tables.published_study import PUBLISHED, published_results
from flowgolf.report.tables.render import Table, markdown, write_table
from flowgolf.report.tables.sweep import sweep_table
from flowgolf.report.tables.trajectory_and_export import export_table, trajectory_table
from flowgolf.report.tables.two_by_two import two_by_two_table


def tables(manifest_path: str | Path, out_dir: str | Path, published_dir: str | Path = PUBLISHED) -> None:
    """Write every table of a study as CSV, Markdown, LaTeX and HTML, and `summary.md` with the main ones.

    The file names are those that `names.table_names` lists. Raises ValueError if the records break a rule of
    docs/spec/legality.md.
    """
    results = collect_results(manifest_path)
    check(results)
    for table in study_tables(results, published_results(published_dir)):
        write_table(table, Path(out_dir))
    with replacing(Path(out_dir) / SUMMARY) as path:
        path.write_text(main_text(results))


def study_tables(results: Results, published: Results | None) -> list[Table]:
    """Make all tables of a study, in the order in which they are read.

    Without `published` there is no table that compares with the published values. Every table has the notes that hold
    for the whole study.
    """
    evaluated = [
        *([claims_table(results)] if results.manifest.get("claims") else []),
        seeds_table(results),
        two_by_two_table(results, results.manifest["two_by_two"]),
        *([matched_table(results)] if results.manifest.get("matched") else []),
        arms_table(results),
        effects_table(results),
        *(sweep_table(results, sweep) for sweep in results.manifest["sweeps"]),
        export_table(results),
        codecs_table(results),
        parts_table(results),
        *([compare_table(results, published)] if published else []),
    ]
    return with_notes([*(with_partial(table, results) for table in evaluated), trajectory_table(results)], results)


def matched_table(results: Results) -> Table:
    """Make the 2x2 of the arms that were exported with one bit plan for all (docs/spec/legality.md, rule 16)."""
    table = two_by_two_table(results, results.manifest["matched"])
    return replace(table, name=MATCHED, title="2x2 with one bit plan for all arms")


def with_partial(table: Table, results: Results) -> Table:
    """Add a column that names the partial evaluations, so that the CSV says so too (docs/spec/legality.md, rule 8)."""
    partial = [metric for metric in EVALUATIONS if partial_runs(results, metric)]
    return replace(table, frame=table.frame.assign(partial=", ".join(partial))) if partial else table


def with_notes(tables: Sequence[Table], results: Results) -> list[Table]:
    """Add what holds for the whole study: results that are not compared, warnings, runs of different commits."""
    notes = [*unlike_notes(results), *caution_notes(results), *commit_notes(results)]
    return [replace(table, notes=[*table.notes, *notes]) for table in tables]


def main_text(results: Results) -> str:
    """Make the main tables as Markdown: the study's question, the seeds of its main variants, the 2x2."""
    main = [
        *([claims_table(results)] if results.manifest.get("claims") else []),
        seeds_table(results, results.manifest["main_variants"]),
        two_by_two_table(results, results.manifest["two_by_two"]),
    ]
    heading = f"# {results.manifest['study']}\n\n{results.manifest['question']}\n"
    return "\n".join([heading, *map(markdown, with_notes(main, results))])


def print_main(manifest_path: str | Path) -> None:
    """Print the main tables, made from whatever records exist."""
    print(main_text(collect_results(manifest_path)))
