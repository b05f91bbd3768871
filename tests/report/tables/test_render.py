"""One frame, four formats."""

import re
from pathlib import Path

import pandas as pd
import pytest

from flowgolf.report.tables.render import Column, Table, cell_text, html, latex, latex_text, markdown, write_table

FRAME = pd.DataFrame(
    {
        "arm": ["base", "a_b & <c>"],
        "bpb": [1.123456789, "running 43 %"],
        "low": [-0.00206, float("nan")],
        "high": [0.00130, float("nan")],
    }
)
TABLE = Table(
    "demo",
    "Demo: 50 % of x_1",
    FRAME,
    [Column("arm", "arm"), Column("bpb", "bpb", ".5f"), Column("low", "95 %", "+.5f", upper="high")],
    ["A note with 5 % & more."],
)


def test_cells_print_numbers_by_format_and_texts_as_they_are() -> None:
    assert TABLE.cells() == [["base", "1.12346", "[-0.00206, +0.00130]"], ["a_b & <c>", "running 43 %", ""]]


@pytest.mark.parametrize(("value", "text"), [(None, ""), (float("nan"), ""), ("pending", "pending"), (2.0, "2.00")])
def test_cell_text(value: object, text: str) -> None:
    assert cell_text(value, ".2f") == text


def test_markdown_is_aligned() -> None:
    lines = markdown(TABLE).splitlines()
    assert lines[0] == "## Demo: 50 % of x_1"
    assert lines[2] == "| arm       |          bpb |                 95 % |"
    assert lines[3] == "|-----------|-------------:|---------------------:|"
    assert len({len(line) for line in lines[2:6]}) == 1
    assert lines[-1] == "- A note with 5 % & more."


def test_latex_is_balanced_and_escaped() -> None:
    text = latex(TABLE)
    assert text.count(r"\begin{") == text.count(r"\end{") == 3
    rows = re.findall(r"^(?!\\).* \\\\$", text, re.MULTILINE)
    assert [row.count(" & ") for row in rows] == [2, 2, 2]
    assert r"a\_b \& $<$c$>$" in text and r"50 \% of x\_1" in text
    assert not re.search(r"(?<!\\)%", text)


def test_latex_sets_a_minus_sign() -> None:
    assert latex_text("-0.5") == "$-$0.5"
    assert latex_text("-") == "-"
    assert latex_text(r"a\b") == r"a\textbackslash{}b"


def test_html_escapes_and_loads_nothing() -> None:
    page = html(TABLE)
    assert "a_b &amp; &lt;c&gt;" in page
    assert page.count("<tr>") == 3
    assert "http" not in page and "<script" not in page


def test_csv_keeps_every_digit(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "tables")
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        "demo.csv", "demo.html", "demo.md", "demo.tex",
    ]  # fmt: skip
    read = pd.read_csv(tmp_path / "tables" / "demo.csv")
    assert list(read.columns) == ["arm", "bpb", "low", "high"]
    assert float(read["bpb"][0]) == 1.123456789
