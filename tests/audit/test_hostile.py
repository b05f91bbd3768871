"""Folders made to mislead, to exhaust or to run code: read within bounds, and nothing of them is run."""

import base64
import json
import lzma
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from flowgolf.audit import case, code, folder, json_text, reader, verdict
from flowgolf.audit.page import markdown
from flowgolf.audit.verdict import audit


def test_no_code_of_the_folder_is_run(record: Any, tmp_path: Path) -> None:
    """Every place from which Python, a shell or an unpickler might run something would leave a file behind."""
    left = tmp_path / "it_ran"
    plant = f"import pathlib\npathlib.Path({str(left)!r}).write_text('ran')\n"
    packed = base64.b85encode(lzma.compress((plant * 50).encode())).decode()
    record.write("train_gpt.py", f'import lzma,base64\nexec(lzma.decompress(base64.b85decode("{packed}")))\n')
    for name in (
        "__init__.py",
        "__main__.py",
        "conftest.py",
        "sitecustomize.py",
        "json.py",
        "setup.py",
        "statistics.py",
    ):
        record.write(name, plant)
    record.write("setup.sh", f"touch {left}\n")
    record.write("final_model.pt", b"cbuiltins\nexec\n(S'" + plant.replace("\n", ";").encode() + b"'\ntR.")
    record.edit_all("seed:", f"model {{'dim': __import__('pathlib').Path({str(left)!r}).touch()}}\nseed:")
    record.claims["blurb"] = f"{{__import__('pathlib').Path({str(left)!r}).touch()}}"
    found = audit(record.save())
    assert any(
        each.kind == "code" and "bytes of source (base 85, LZMA); read, not run" in each.text for each in found.findings
    )
    assert markdown(found)
    assert not left.exists()


def test_a_link_out_of_the_folder_is_not_followed(record: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.log"
    secret.write_text("final val_loss:1.0 val_bpb:0.5\nseed:77\n")
    record.save()
    (record.folder / "leak.log").symlink_to(secret)
    (record.folder / "up").symlink_to(tmp_path)
    (record.folder / "gone.log").symlink_to(tmp_path / "nothing")
    (record.folder / "loop.log").symlink_to("loop.log")
    (record.folder / "inside.log").symlink_to("train_seed7.log")
    found = audit(record.folder)
    named = [each for each in found.findings if "a link that leads out of the folder or nowhere" in each.text]
    assert {str(place) for each in named for place in each.places} == {"leak.log", "up", "gone.log", "loop.log"}
    assert "secret" not in markdown(found) and "77" not in {log.name for log in found.case.logs}
    assert any("the same text as" in each.text for each in found.findings)  # a link inside the folder is read


def test_a_pipe_is_not_opened(record: Any) -> None:
    record.save()
    os.mkfifo(record.folder / "train_seed99.log")
    assert any("neither a file nor a folder: not read" in each.text for each in audit(record.folder).findings)


def test_a_log_that_cannot_be_read(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, name: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(case, "read_log", refuse)
    assert any("cannot be read (Permission denied)" in each.text for each in record.audit().findings)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("{\n" + '"a":{' * 60 + "}" * 61, "nested deeper than 40; not read", 2),
        ("{\n" + '"a":[' * 100_000, "nested deeper than 40; not read", 2),
        ('{"val_bpb": 1.1,\n', "not readable as JSON: Expecting property name enclosed in double quotes", 2),
        ("\x00\xff\x01", "not readable as JSON: Expecting value", 1),
        ("", "not readable as JSON: Expecting value", 1),
        ("[1, 2]", "an object was expected", 1),
        ('{\n"val_bpb": NaN}', "val_bpb is NaN, which is no number", 2),
        ('{\n"val_bpb": -Infinity}', "val_bpb is -Infinity, which is no number", 2),
        ('{"val_bpb": 1.1,\n"val_bpb": 1.0}', "the key val_bpb stands twice", 2),
        ('{"a": {"x": 1},\n"a": {"y": 2}}', "the key a stands twice", 2),
    ],
)
def test_a_submission_json_that_is_none(record: Any, text: str, message: str, line: int) -> None:
    record.save()
    (record.folder / "submission.json").write_text(text)
    found = [each for each in audit(record.folder).findings if each.kind == "json"]
    assert [(each.severity, each.text, str(each.places[0])) for each in found] == [
        ("error", message, f"submission.json:{line}")
    ]


def test_a_submission_json_without_end(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MOST_CHARACTERS", 100)
    assert "longer than 100 characters, which no submission is; not read" in record.one("error", "json").text


def test_a_text_in_the_place_of_a_number(record: Any) -> None:
    record.claims["val_bpb"] = "pending"
    assert record.one("warning", "json").text == "val_bpb is the text 'pending', no number"


def test_numbers_without_measure(record: Any) -> None:
    record.save()
    digits = "9" * 5000
    (record.folder / "submission.json").write_text(
        f'{{"val_bpb": {digits}, "val_loss": 1e999999999, "bytes_total": 1e-999999, "seeds": [{digits}, -1, 0.5]}}'
    )
    found = audit(record.folder)
    assert found.case.main is None
    assert found.case.claims.seeds == {}


def test_strings_full_of_brackets_and_quotes_are_no_nesting(record: Any) -> None:
    record.claims["blurb"] = '\\"[{' * 200
    record.claims["name"] = "line\nbreak \\"
    assert record.found("error", "json") == []
    assert record.audit().case.claims.text("name").value == "line\nbreak \\"


def test_a_packed_bomb_is_unpacked_within_bounds(record: Any) -> None:
    bomb = base64.b85encode(lzma.compress(b"#" * 60_000_000)).decode()
    record.write("train_gpt.py", f'exec(decompress("{bomb}"))')
    record.save()
    tracemalloc.start()
    found = audit(record.folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    texts = {each.text for each in found.findings if each.kind == "code"}
    assert "layer 1 (base 85, LZMA) unpacks to more than 4,000,000 bytes: read no further" in texts
    assert peak < 40_000_000


def test_packed_in_packed_in_packed_ends(record: Any) -> None:
    text = "".join(f"# {index * index % 9973:x}\n" for index in range(400))
    for _ in range(6):
        text = f'exec("{base64.b85encode(lzma.compress(text.encode())).decode()}")'
    record.write("train_gpt.py", text)
    found = record.audit()
    assert found.case.code is not None and len(found.case.code.layers) == code.MOST_LAYERS


def test_strings_that_only_look_packed(record: Any) -> None:
    record.write("train_gpt.py", f'a = "{"A" * 5000}"\nb = "{"x!" * 3000}"\n')
    assert record.audit().case.code.layers == []


def test_junk_is_no_log(record: Any) -> None:
    record.write("core.log", bytes(range(256)) * 4000)
    record.write("empty.log", b"")
    found = record.found("not stated", "log")
    assert {place.file for each in found for place in each.places} == {"core.log", "empty.log"}


@pytest.mark.parametrize(
    "text",
    ["a" * 3_000_000, "val_bpb " * 400_000, ("a:" * 2_000 + "\n") * 700, ("(" * 4_000 + "\n") * 700, '"' * 3_000_000]
    + ["[ 1 " * 700_000, ("1" * 3_999 + "\n") * 700, ("=" * 4_000 + "\n") * 700, ("gptq " * 800 + "\n") * 700],
    ids=["word", "keys", "pairs", "brackets", "quotes", "counters", "digits", "rules", "calibration"],
)
def test_no_line_takes_long(record: Any, text: str) -> None:
    record.write("hostile.log", text)
    record.save()
    began = time.perf_counter()
    audit(record.folder)
    assert time.perf_counter() - began < 5


def test_a_log_is_read_up_to_a_bound(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_LOG_CHARACTERS", 200)
    monkeypatch.setattr(case, "MOST_LOG_CHARACTERS", 200)
    found = record.audit()
    assert any(each.text == "only the first 200 characters were read" for each in found.findings)


def test_a_log_that_ends_at_the_bound_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "train.log"
    path.write_text("x" * 99 + "\n")
    monkeypatch.setattr(folder, "MOST_LOG_CHARACTERS", 100)
    lines = folder.Lines(path)
    assert len(list(lines)) == 1 and not lines.cut


def test_the_memory_of_a_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_FACTS", 10)
    monkeypatch.setattr(reader, "MOST_DECIMALS", 10)
    path = tmp_path / "train.log"
    kinds = ("key{0}: {0}", "step:{0} val_loss:2.{0} val_bpb:1.{0}", "name{0} val_bpb:1.00{0}", "Code size: {0} bytes")
    path.write_text("\n".join(line.format(number) for line in kinds for number in range(1, 300)))
    log = reader.read_log(path, "train.log")
    assert len(log.scores) == len(log.validations) == len(log.settings) == len(log.sizes["code"]) == 10
    assert len(log.decimals) <= 12


def test_a_folder_of_too_many_files(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_FILES", 3)
    assert any("more than 3 files: the others were not looked at" in each.text for each in record.audit().findings)


def test_too_many_findings(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "MOST_FINDINGS", 2)
    record.claims |= {f"other_{number}_bpb": 1.2 for number in range(10)}
    found = record.audit().findings
    assert len(found) == 3 and found[-1].text.endswith("further findings are left out")


def test_text_of_the_folder_cannot_write_the_page(record: Any) -> None:
    record.claims["[x](javascript:alert(1)) | <script>`a`</script>\x1b[2J_bpb"] = 1.9
    record.claims["hardware"] = "9xH100 ![i](http://x)"
    record.edit_all("final_int6_sliding_window", "<b>sliding_window|")
    page = markdown(record.audit())
    assert "<script>" not in page and "<b>" not in page and "\x1b" not in page
    assert "](" not in page.replace("\\](", "")
    rows = [line for line in page.splitlines() if line.startswith("|") and "script" in line]
    assert rows and all(line.replace("\\|", "").count("|") == 4 for line in rows)


def test_a_copy_of_a_log_counts_once(record: Any) -> None:
    record.write("train.log", record.logs[7])
    found = record.audit()
    assert [each.text for each in found.findings if each.kind == "log"] == ["the same text as train.log, counted once"]
    assert found.counts["error"] == found.counts["warning"] == 0


def test_logs_in_folders_below(record: Any) -> None:
    record.write("ablations/other.log", "seed:99\nfinal val_bpb:1.5\n")
    assert record.one("note", "log").text == "1 logs in folders below are not judged"
    for seed, text in record.logs.items():
        record.write(f"logs/train_seed{seed}.log", text)
    record.logs = {}
    assert "The logs give val_bpb 1.10070472" in record.audit().verdict


def test_without_a_submission_json(record: Any) -> None:
    record.save()
    (record.folder / "submission.json").unlink()
    found = audit(record.folder)
    assert "there is no submission.json: only what the logs say is checked" in {each.text for each in found.findings}
    assert len(found.case.logs) == 3


def test_without_a_readme_and_a_script(record: Any) -> None:
    for name in ("README.md", "train_gpt.py"):
        (record.folder / name).unlink()
    texts = {each.text for each in record.found("not stated", "file")}
    assert texts == {"the folder has no README.md and no train_gpt.py, which a submission must hold"}


def test_json_of_other_files_is_not_read(record: Any) -> None:
    record.write("other.json", json.dumps({"val_bpb": 0.1}))
    assert record.audit().counts["error"] == 0
