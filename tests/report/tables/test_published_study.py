"""The published study through our own table code: digit for digit, and its two slips found."""

import csv
import shutil
from pathlib import Path

import pytest

from flowgolf.report.tables.published_study import (
    PUBLISHED,
    findings,
    printed_cells,
    published,
    published_results,
    published_tables,
    published_text,
)


def cells() -> dict[str, dict[tuple[str, str], str]]:
    return {table.name: printed_cells(table) for table in published_tables(published_results())}


def test_exactly_two_printed_values_do_not_follow_from_their_rows() -> None:
    found = [(f.row, f.heading, f.printed, f.recomputed) for f in findings(published_tables(published_results()))]
    assert found == [
        ("nfm sd", "sliding bpb", "0.00151", "0.00154"),
        ("nfm sd", "roundtrip bpb", "0.00157", "0.00152"),
    ]


def test_planted_slip_in_a_printed_value_is_found(tmp_path: Path) -> None:
    folder = shutil.copytree(PUBLISHED, tmp_path / "published")
    text = (folder / "printed.csv").read_text()
    (folder / "printed.csv").write_text(text.replace("TTT effect,-0.00321", "TTT effect,-0.00312"))
    found = [str(finding) for finding in findings(published_tables(published_results(folder)), folder)]
    assert "two_by_two, nfm, TTT effect: printed -0.00312, its own per-seed figures give -0.00321" in found


def test_a_claim_about_no_cell_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(PUBLISHED, tmp_path / "published")
    with (folder / "printed.csv").open("a") as file:
        file.write("seeds,nfm 7,sliding bpb,1.0\n")
    with pytest.raises(ValueError, match=r"printed\.csv: no cell \(nfm 7, sliding bpb\) in table seeds"):
        findings(published_tables(published_results(folder)), folder)


def test_trajectory_digit_for_digit() -> None:
    trajectory = cells()["trajectory"]
    with (PUBLISHED / "trajectory.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    for row in rows:
        for seed in ("42", "1337", "2025"):
            assert trajectory[f"nfm {row['step']}", f"seed {seed} bpb"] == row[f"seed{seed}"]


def test_the_published_effect_is_not_called_an_effect() -> None:
    table = next(table for table in published_tables(published_results()) if table.name == "two_by_two")
    assert (
        "nfm - base, sliding: +0.00206: not resolved at n = 1; about 15 seeds would resolve this size." in table.notes
    )  # 10 if it were the only difference between arms that the table has
    assert any("all seeds (n = 3 and 1)" in note and "p = 0.5 (uncorrected)" in note for note in table.notes)


def test_ttt_gain_over_three_seeds_is_an_effect() -> None:
    table = next(table for table in published_tables(published_results()) if table.name == "two_by_two")
    (note,) = (note for note in table.notes if note.startswith("TTT on nfm, all its seeds"))
    assert "-0.00324" in note and note.endswith("effect at n = 3: lower bpb.")


def test_cells_that_were_not_published_say_so() -> None:
    assert cells()["sweep_loss_weight"]["0.01", "legal TTT bpb"] == "not published"


def test_the_text_holds_tables_and_findings(tmp_path: Path) -> None:
    published(tmp_path / "published.md")
    text = (tmp_path / "published.md").read_text()
    assert text == published_text()
    assert "Findings: 2 of 39 printed figures do not follow from their own rows" in text
    assert "printed 0.00151, its own per-seed figures give 0.00154" in text
