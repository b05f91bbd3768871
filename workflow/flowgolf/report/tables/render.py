"""Tables and how they are written: CSV (full precision), Markdown, LaTeX and HTML, all from one frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from flowgolf.files import replacing

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "<": "$<$", ">": "$>$",
}  # fmt: skip

HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 sans-serif; margin: 1rem; color: #222; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.2rem 0.6rem; border-bottom: 1px solid #ccc; white-space: nowrap; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.text {{ text-align: left; }}
</style>
<h1>{title}</h1>
{table}
</html>
"""

HTML_TABLE = """<div tabindex="0" role="region" aria-label="{title}"><table id="{name}">
<thead><tr>{header}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<ul>
{notes}
</ul>"""


@dataclass(frozen=True)
class Column:
    """How a column of the frame is printed."""

    key: str
    """Column of the frame."""
    header: str
    """Printed heading, with its unit."""
    spec: str = ""
    """Format of its numbers; empty for a column of texts, which are printed as they are."""
    upper: str | None = None
    """Second column of the frame, if the two are to be printed as an interval [key, upper]."""

    def text(self, row: pd.Series) -> str:
        """Print the cell of a row; empty if its value is missing, and words in place of an interval as they are."""
        cell = cell_text(row[self.key], self.spec)
        if self.upper is None or not cell or isinstance(row[self.key], str):
            return cell
        return f"[{cell}, {cell_text(row[self.upper], self.spec)}]"


@dataclass(frozen=True)
class Table:
    """A named frame, those of its columns that are printed, and the notes below it."""

    name: str
    title: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    notes: Sequence[str] = field(default=())

    def cells(self) -> list[list[str]]:
        """Print all cells, row by row."""
        return [[column.text(row) for column in self.columns] for _, row in self.frame.iterrows()]


def cell_text(value: Any, spec: str) -> str:
    """Print a cell: a text as it is, a missing value as an empty text, a number in the format `spec`."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return format(value, spec)


def markdown(table: Table) -> str:
    """Write the table with title and notes as Markdown, aligned so that it also reads well in a terminal."""
    headers, rows = [column.header for column in table.columns], table.cells()
    widths = [max(len(line[index]) for line in [headers, *rows]) for index in range(len(headers))]
    right = [bool(column.spec) for column in table.columns]

    def line(cells: Sequence[str]) -> str:
        padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True))
    lines = [f"## {table.title}", "", line(headers), f"|{rule}|", *map(line, rows)]
    if table.notes:
        lines += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """Write the table as a LaTeX float with small notes below it; it needs the packages booktabs and adjustbox."""
    alignment = "".join("r" if column.spec else "l" for column in table.columns)
    headers = " & ".join(latex_text(column.header) for column in table.columns)
    body = [" & ".join(map(latex_text, row)) + r" \\" for row in table.cells()]
    notes = [rf"\par\footnotesize {latex_text(note)}" for note in table.notes]
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{latex_text(table.title)}}}", rf"\label{{tab:{table.name}}}",
        r"\begin{adjustbox}{max width=\linewidth}", rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule", headers + r" \\", r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}", r"\end{adjustbox}", *notes, r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Escape LaTeX's special characters; a leading hyphen becomes a minus sign."""
    escaped = "".join(LATEX.get(character, character) for character in text)
    return f"$-${escaped[1:]}" if escaped[:1] == "-" and len(escaped) > 1 else escaped


def html(table: Table) -> str:
    """Write the table as an HTML page that loads nothing else."""
    return HTML.format(title=escape(table.title), table=html_table(table))


def html_table(table: Table) -> str:
    """Write the table and its notes as a part of an HTML page; the id of the table is its name."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = ("number" if column.spec else "text" for column in table.columns)
        return "".join(f'<{tag} class="{kind}">{escape(c)}</{tag}>' for kind, c in zip(kinds, cells, strict=True))

    rows = "\n".join(f"<tr>{line('td', row)}</tr>" for row in table.cells())
    notes = "\n".join(f"<li>{escape(note)}</li>" for note in table.notes)
    header = line("th", [column.header for column in table.columns])
    return HTML_TABLE.format(title=escape(table.title), name=table.name, header=header, rows=rows, notes=notes)


def write_table(table: Table, folder: Path) -> None:
    """Write `<name>.csv`, `<name>.md`, `<name>.tex` and `<name>.html` into a folder."""
    written = {"csv": table.frame.to_csv(index=False), "md": markdown(table), "tex": latex(table), "html": html(table)}
    for suffix, text in written.items():
        with replacing(folder / f"{table.name}.{suffix}") as path:
            path.write_text(text)
