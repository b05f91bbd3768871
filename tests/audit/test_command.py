"""`python -m flowgolf.audit`: the page, the values, the exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowgolf.audit.__main__ import main
from flowgolf.audit.finding import KINDS, SEVERITIES, Finding, Place, error
from repository import ROOT


def test_a_sound_folder_is_0(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(record.save())]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# Audit of record\n\nThe logs give val_bpb 1.10070472: mean over seeds 7, 11 and 13")
    assert "Nothing in the folder was run." in page


def test_an_error_is_1_and_comes_first(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    record.claims["val_bpb_std"] = 0.1
    assert main([str(record.save())]) == 1
    page = capsys.readouterr().out
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings[0] == "## Errors" and headings[-1] == "## All logs"
    assert "1 error, 0 warnings" in page.splitlines()[2]
    row = next(line for line in page.splitlines() if line.startswith("| spread"))
    assert "submission.json:5, train_seed7.log:" in row


def test_the_page_says_what_the_logs_do_not_state(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(record.save())])
    rows = {cells[1].strip(): cells[2].strip() for line in capsys.readouterr().out.splitlines()
            if len(cells := line.split("|")) == 5}  # fmt: skip
    assert rows["stride"] == "64" and rows["validation tokens"] == "40,540,160" and rows["bytes a token"] == "3.7267"
    assert rows["window"] == rows["device"] == rows["PyTorch"] == "not stated"


def test_values_for_a_program(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    record.claims["val_bpb_std"] = 0.1
    assert main([str(record.save()), "--json", "--reference-bpb", "1.11,1.111"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["error"] == 1
    assert found["findings"][0]["kind"] == "spread"
    assert found["findings"][0]["places"][0] == {"file": "submission.json", "line": 5}
    assert found["significance"]["unit"] == "nats per token" and len(found["significance"]["interval"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: not a folder; give the folder that holds submission.json and the logs\n"),
        (["."], ".: neither submission.json nor a log with a figure in it\n"),
    ],
)
def test_a_folder_that_cannot_be_read_is_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", message)


def test_a_folder_without_permission_is_2(
    record: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("flowgolf.audit.folder.os.scandir", refuse)
    assert main([str(record.save())]) == 2
    assert capsys.readouterr().err.endswith("record: cannot be read (Permission denied)\n")


def test_a_reference_that_is_none_is_2(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(record.save()), "--reference", str(record.folder / "none")]) == 2
    assert "neither a folder nor a file" in capsys.readouterr().err


def test_the_module_runs_without_torch(record: Any) -> None:
    program = "import sys; from flowgolf.audit.__main__ import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(record.save())], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.endswith("False\n")
    page = subprocess.run(
        [sys.executable, "-m", "flowgolf.audit", str(record.folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert page.stdout.startswith("# Audit of record")


def test_this_projects_own_submission(own_record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    own_record.claims |= {"artifact_bytes": 15_900_007, "primary_seed": 7, "hardware": "8 x NVIDIA H100"}
    assert main([str(own_record.save())]) == 0
    page = capsys.readouterr().out
    assert "mean over seeds 7, 11 and 13 of 'legal_ttt'" in page
    assert "| train_seed7.log  | 7      | 5,000   | 590.5" in page


def test_the_guide_names_every_kind() -> None:
    guide = (ROOT / "docs" / "audit.md").read_text()
    assert [kind for kind in KINDS if f"| `{kind}` |" not in guide] == []
    assert all(severity in guide for severity in SEVERITIES)


def test_the_example_of_the_guide_is_what_is_printed(
    record: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = type(record)(tmp_path / "2026-01-01_Example", "block")
    example.edit(11, "matrix_lr: 0.022", "matrix_lr: 0.02")
    example.claims |= {"val_bpb_std": 0.00049, "val_bpb": 1.1007, "hardware": "8xH100 80GB SXM"}
    assert main([str(example.save())]) == 1
    page = capsys.readouterr().out
    assert page[: page.index("## The claimed figure")].rstrip() in (ROOT / "docs" / "audit.md").read_text()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(AssertionError):
        Finding("error", "unheard", "text")
    with pytest.raises(AssertionError):
        Finding("grave", "score", "text")
    assert error("score", "text", Place("a", 1), None, Place("a", 1)).places == (Place("a", 1),)
