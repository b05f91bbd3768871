"""The report: one HTML page with question, tables, plots, provenance and checks, which loads nothing else."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from flowgolf.files import replacing
from flowgolf.report.pages.captions import captions
from flowgolf.report.pages.evidence import checks_html, provenance_table
from flowgolf.report.results.collect import Results, collect_results
from flowgolf.report.tables.published_study import PUBLISHED, published_results
from flowgolf.report.tables.render import Table, html_table
from flowgolf.report.tables.tables import study_tables

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{study}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light; }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; margin: 0 auto; padding: 1rem; max-width: 76rem; }}
h1 {{ font-size: 1.6rem; margin: 0.5rem 0; }}
h2 {{ font-size: 1.3rem; margin: 2.5rem 0 0.5rem; border-bottom: 2px solid #1c1c1c; }}
h3 {{ font-size: 1.05rem; margin: 1.8rem 0 0.4rem; }}
a {{ color: #005a9c; }}
nav a {{ display: inline-block; padding: 0.3rem 0.8rem 0.3rem 0; }}
.question {{ font-size: 1.15rem; max-width: 46rem; margin: 0.5rem 0; }}
h3 .file {{ font-size: 0.8rem; font-weight: normal; margin-left: 0.6rem; }}
div[role=region] {{ overflow-x: auto; border: 1px solid #d5d5d5; }}
table {{ border-collapse: collapse; font-size: 0.85rem; width: 100%; }}
th, td {{ padding: 0.25rem 0.7rem; border-bottom: 1px solid #e4e4e4; white-space: nowrap; background: #fff; }}
th {{ background: #f2f2f2; }}
td:first-child, th:first-child {{ position: sticky; left: 0; border-right: 1px solid #d5d5d5; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.text {{ text-align: left; }}
td.text:last-child {{ white-space: normal; min-width: 13rem; }}
ul {{ font-size: 0.85rem; padding-left: 1.2rem; color: #444; overflow-wrap: anywhere; }}
.plots {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }}
figure {{ margin: 0; padding: 0.6rem; border: 1px solid #d5d5d5; }}
figure img {{ display: block; width: 100%; max-width: 34rem; margin: auto; }}
figcaption {{ font-size: 0.85rem; color: #444; margin-top: 0.4rem; }}
details {{ border-bottom: 1px solid #e4e4e4; font-size: 0.9rem; overflow-wrap: anywhere; }}
summary {{ cursor: pointer; padding: 0.35rem 0; }}
@media (max-width: 40rem) {{
  th, td {{ padding: 0.2rem 0.45rem; }}
  td:first-child, th:first-child {{ white-space: normal; min-width: 6.2rem; overflow-wrap: anywhere; }}
}}
</style>
<h1>{study}</h1>
<p class="question">{question}</p>
<nav><a href="#tables">Tables</a> <a href="#plots">Plots</a> <a href="#provenance">Provenance</a>
<a href="#checks">Checks</a> {settings}</nav>
<h2 id="tables">Tables</h2>
{tables}
<h2 id="plots">Plots</h2>
<div class="plots">
{plots}
</div>
<h2 id="provenance">Provenance</h2>
<p>Where the values above come from: a row for each stage of a run.</p>
{provenance}
<h2 id="checks">Checks</h2>
<p>The rules that each evaluation passed, with the evidence. A run that breaks a rule stops and has no result.</p>
{checks}
</html>
"""


def page(
    manifest_path: str | Path,
    study_path: str | Path,
    plots_dir: str | Path,
    page_path: str | Path,
    published_dir: str | Path = PUBLISHED,
) -> None:
    """Write the report of a study from its records and the SVG plots in `plots_dir`, which `plots.plots` writes.

    `study_path` is the study's configuration in one file; the page holds it, to be saved.
    """
    results = collect_results(manifest_path)
    tables = study_tables(results, published_results(published_dir))
    text = PAGE.format(
        study=escape(results.manifest["study"]),
        question=escape(results.manifest["question"]),
        settings=saved_as("study.yaml", "application/yaml", Path(study_path).read_text(), "Settings (study.yaml)"),
        tables="\n".join(table_section(table) for table in tables),
        plots="\n".join(plot_sections(results, Path(plots_dir))),
        provenance=html_table(provenance_table(results)),
        checks=checks_html(results),
    )
    with replacing(page_path) as temporary:
        temporary.write_text(text)


def table_section(table: Table) -> str:
    """Write a table below its heading, with a link that saves it as CSV with full precision."""
    link = saved_as(f"{table.name}.csv", "text/csv", table.frame.to_csv(index=False), "CSV")
    return f"<h3>{escape(table.title)}{link}</h3>\n{html_table(table)}"


def saved_as(name: str, kind: str, text: str, words: str) -> str:
    """A link that saves a file of the page under a name."""
    return f'<a class="file" download="{name}" href="{data_url(kind, text)}">{words}</a>'


def plot_sections(results: Results, folder: Path) -> Sequence[str]:
    """Write every plot with its caption; the images are part of the page."""
    return [
        f'<figure id="plot-{name}"><img alt="{escape(caption)}" '
        f'src="{data_url("image/svg+xml", (folder / f"{name}.svg").read_text())}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for name, caption in captions(results).items()
    ]


def data_url(kind: str, text: str) -> str:
    """Make an address that holds the text itself, so that the page loads nothing."""
    return f"data:{kind};base64,{b64encode(text.encode()).decode()}"
