"""The audit of our own folders: no error in a sound one, and a planted one is named and fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from flowgolf.audit.folder import AuditError
from flowgolf.submission import audits
from flowgolf.submission.folder import submission_folder


@pytest.fixture
def folder(submittable: Any) -> Path:
    """A submission folder."""
    about = {**submittable.arguments["about"], "track": "non_record_16mb"}  # the text is not the challenge's
    submission_folder(**{**submittable.arguments, "about": about})
    return Path(submittable.arguments["folder"])


def audited(folder: Path) -> Path:
    findings = folder.parent / "audit" / "nfm.json"
    audits.write(folder, findings.with_suffix(".md"), findings)
    return findings


def test_a_sound_folder_has_no_error_and_its_claim_stands_in_the_logs(folder: Path, capsys: Any) -> None:
    findings = audited(folder)
    audits.judge([findings])
    told = capsys.readouterr().err
    assert told.startswith(f"{findings.with_suffix('.md')}: The logs give val_bpb 1.16134")
    assert json.loads(findings.read_text())["counts"]["error"] == 0
    assert findings.with_suffix(".md").read_text().startswith("# Audit of submission\n")


def test_planted_a_better_figure_is_an_error_with_its_line(folder: Path, capsys: Any) -> None:
    path = folder / "submission.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"val_bpb": 1.1012}, indent=1))
    findings = audited(folder)
    with pytest.raises(AuditError, match=r"errors: [1-9]\d* in .*nfm\.md"):
        audits.judge([findings])
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if '"val_bpb": 1.1012,' in text)
    assert f"submission.json:{line}" in capsys.readouterr().err


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="nowhere: not a folder"):
        audits.write(tmp_path / "nowhere", tmp_path / "page.md", tmp_path / "page.json")
