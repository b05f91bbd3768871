"""The report in a real browser, as a reader sees it."""

import base64
import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("browser")
NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+")


def read_csv(path: Path) -> list[list[str]]:
    """The rows of a CSV, header first."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


def cells(visit: Any, table: str) -> list[list[str]]:
    """The texts of a table's body as the browser shows them."""
    rows = "document.querySelectorAll(`#${arguments[0]} tbody tr`)"
    script = f"return [...{rows}].map(row => [...row.cells].map(cell => cell.innerText))"
    return [[text.strip() for text in row] for row in visit.browser.execute_script(script, table)]


def shows(text: str, value: str) -> bool:
    """Whether a printed number is a CSV's number at the printed number of decimals."""
    decimals = len(text.partition(".")[2])
    return f"{float(value):.{decimals}f}" == f"{float(text.replace(',', '')):.{decimals}f}"


def numeric(value: str) -> bool:
    """Whether a cell of a CSV is a number."""
    try:
        return value != "" and float(value) == float(value)
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("seeds", ["train_val_bpb", "roundtrip_bpb", "sliding_bpb", "legal_ttt_bpb", "artifact_bytes"]),
        ("trajectory", ["seed42", "seed1337", "seed2025", "mean", "sd"]),
        ("export", ["weights_bytes", "artifact_bytes", "bits_per_parameter", "roundtrip_bpb", "quantisation_gap_bpb"]),
    ],
)
def test_every_figure_on_the_page_is_that_of_the_csv(
    browser: Any, results: Path, table: str, columns: list[str]
) -> None:
    header, *rows = read_csv(results / "tables" / f"{table}.csv")
    shown = cells(browser.visit(results / "report.html"), table)
    assert len(shown) == len(rows)
    compared = 0
    for row, texts in zip(rows, shown, strict=True):
        numbers = [text for text in texts if NUMBER.fullmatch(text)]
        for column in columns:
            value = row[header.index(column)]
            if numeric(value):
                assert any(shows(text, value) for text in numbers), (row, column, texts)
                compared += 1
    assert compared >= len(rows)


def test_the_printed_mean_of_an_arm_is_that_of_the_csv(browser: Any, results: Path) -> None:
    header, *rows = read_csv(results / "tables" / "seeds.csv")
    position = [(row[0], row[1]) for row in rows].index(("nfm", "mean"))
    text = cells(browser.visit(results / "report.html"), "seeds")[position][5]
    assert text == f"{float(rows[position][header.index('sliding_bpb')]):.5f}"


def test_every_table_of_the_study_is_on_the_page_with_its_csv(browser: Any, results: Path) -> None:
    visit = browser.visit(results / "report.html")
    names = sorted(path.stem for path in (results / "tables").glob("*.csv"))
    for name in names:
        assert len(cells(visit, name)) == len(read_csv(results / "tables" / f"{name}.csv")) - 1, name
        assert saved(visit, f"{name}.csv") == (results / "tables" / f"{name}.csv").read_text()


def test_the_settings_of_the_study_are_saved_from_the_page(browser: Any, results: Path) -> None:
    assert saved(browser.visit(results / "report.html"), "study.yaml") == (results / "study.yaml").read_text()


def saved(visit: Any, name: str) -> str:
    """What a link that saves a file of this name holds."""
    link = visit.browser.find_element("css selector", f'a[download="{name}"]')
    return base64.b64decode(link.get_attribute("href").partition("base64,")[2]).decode()


def test_question_provenance_and_checks_are_there(browser: Any, results: Path) -> None:
    visit = browser.visit(results / "report.html")
    text = visit.browser.execute_script("return document.body.innerText")
    assert "Does it?" in text
    manifest = json.loads((results / "runs.json").read_text())
    provenance = cells(visit, "provenance_table")
    assert len(provenance) == 4 * len(manifest["runs"])
    assert provenance[0][:9] == ["base", "42", "train", "abc123", "-", "", "cpu", "node", "60.0"]
    summaries = visit.browser.find_elements("css selector", "summary")
    assert len(summaries) == 2 * len(manifest["runs"])
    summaries[0].click()
    assert "rule 2, check 2: seen < 2" in visit.browser.execute_script("return document.body.innerText")


def test_nothing_is_asked_for_outside_the_page_and_the_console_is_clean(browser: Any, results: Path) -> None:
    visit = browser.visit(results / "report.html")
    assert visit.requests == [] and visit.console == []


def test_the_browser_tells_of_a_page_that_does_load_something_or_complains(browser: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<img src="http://127.0.0.1:9/x.png"><script>console.error("planted")</script>')
    visit = browser.visit(bad)
    assert visit.requests == ["http://127.0.0.1:9/x.png"]
    assert any("planted" in message for message in visit.console)


def test_every_figure_is_drawn_and_has_a_caption(browser: Any, results: Path) -> None:
    visit = browser.visit(results / "report.html")
    script = "return [...document.images].map(i => [i.complete, i.naturalWidth, i.clientWidth, i.alt])"
    images = visit.browser.execute_script(script)
    assert len(images) == len(list((results / "figures").glob("*.svg")))
    for complete, natural, width, caption in images:
        assert complete and natural > 0 and caption
        assert 200 < width <= visit.width


def test_the_page_fits_its_window(browser: Any, results: Path) -> None:
    visit = browser.visit(results / "report.html")
    width = visit.browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= visit.width
    size = visit.browser.execute_script("return parseFloat(getComputedStyle(document.querySelector('td')).fontSize)")
    assert size >= 13
    heights = visit.browser.execute_script(
        "return [...document.querySelectorAll('#seeds tr')].map(r => r.clientHeight)"
    )
    assert max(heights) < 80  # a column squeezed to single letters makes rows of a hundred and more
