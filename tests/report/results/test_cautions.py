"""What stands below every table: tries, repeats, and what the data record warns of."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.report.results.cautions import caution_notes
from flowgolf.report.results.collect import collect_results
from flowgolf.report.tables.tables import tables

WARNING = "validation: 12 bytes are scored of text that was written with 10"


def notes(study: Any) -> list[str]:
    return caution_notes(collect_results(study.manifest_path))


def test_a_clean_study_has_nothing_to_warn_of(study: Any) -> None:
    assert notes(study) == []


def test_planted_tries_are_said_in_every_table(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 1337, "legal_ttt", tries=3)
    tables(study.manifest_path, tmp_path)
    for path in tmp_path.glob("*.md"):
        assert "nfm, legal_ttt: 3 settings of this evaluation were run on validation" in path.read_text(), path
    seeds = pd.read_csv(tmp_path / "seeds.csv").set_index(["variant", "seed"])
    assert seeds.loc[("nfm", "1337"), ["sliding_tries", "legal_ttt_tries"]].tolist() == [1, 3]


def test_planted_tries_that_came_after_the_record(study: Any) -> None:
    """The book beside the artifact has them all; those of another artifact or evaluation do not count."""
    sha = "0" * 64
    study.change("nfm", 42, "sliding", artifact_sha256=sha)
    lines = [
        {"evaluation": evaluation, "artifact_sha256": digest, "settings": {"stride": stride}}
        for evaluation, digest, stride in (
            ("sliding", sha, 64),
            ("sliding", sha, 32),
            ("sliding", sha, 64),
            ("sliding", "1" * 64, 16),
            ("other", sha, 8),
        )
    ]
    book = Path(study.entry("nfm", 42)["export"]).with_name("artifact.tries.jsonl")
    book.write_text("\n".join(map(json.dumps, lines)))
    (note,) = notes(study)
    assert note.startswith("nfm, sliding: 2 settings of this evaluation were run on validation with its artifacts")


@pytest.mark.parametrize("line", ["[]", "{", '{"evaluation": "sliding"}'])
def test_a_line_that_is_no_entry_of_the_book_is_named(study: Any, line: str) -> None:
    book = Path(study.entry("nfm", 42)["export"]).with_name("artifact.tries.jsonl")
    book.write_text(line)
    with pytest.raises(ValueError, match=r"artifact\.tries\.jsonl, line 1: not an entry of a book of evaluations"):
        notes(study)


def test_planted_repeats_are_said_and_counted(study: Any, tmp_path: Path) -> None:
    study.change("base", 42, "sliding", repeats={"documents": 1200, "tolerated": 2000})
    tables(study.manifest_path, tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "1,200 training documents have the tokens of a validation document, as data.max_repeats tolerates" in text
    seeds = pd.read_csv(tmp_path / "seeds.csv").set_index(["variant", "seed"])
    assert seeds.loc[("base", "42"), "sliding_repeats"] == 1200


def test_planted_a_warning_of_the_data_is_passed_on(study: Any) -> None:
    path = study.write("data.json", {"warnings": [WARNING]})
    for run in study.manifest["runs"]:
        run["data"] = str(path)
    assert notes(study) == [f"Data, {WARNING}."]


@pytest.mark.parametrize("record", [{}, {"warnings": []}, None])
def test_data_without_a_warning(study: Any, record: dict[str, Any] | None) -> None:
    path = study.write("data.json", record) if record is not None else study.folder / "none.json"
    for run in study.manifest["runs"]:
        run["data"] = str(path)
    assert notes(study) == []


def test_records_of_before_say_nothing_of_tries(study: Any, tmp_path: Path) -> None:
    for stage in ("sliding", "legal_ttt"):
        study.change_all(stage, tries=None, repeats=None)
    assert notes(study) == []
