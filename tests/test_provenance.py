"""Fingerprints follow imports and ignore what does not run."""

import os
import subprocess

import pytest

from flowgolf import provenance
from flowgolf.running import facts


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small package named flowgolf, and a script that imports one of its modules."""
    package = tmp_path / "flowgolf"
    (package / "part").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "part" / "__init__.py").write_text('"""A part."""\n')
    (package / "part" / "used.py").write_text("def double(x):\n    return 2 * x\n")
    (package / "part" / "loop.py").write_text("from flowgolf.part.used import double\n")
    (package / "other.py").write_text("x = 1\n")
    script = tmp_path / "train.py"
    script.write_text("from flowgolf.part import loop\n")
    monkeypatch.setattr(provenance, "WORKFLOW", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget():
    """What a new process would not know."""
    for cached in (provenance.fingerprint, provenance.read_source, provenance.sources_of):
        cached.cache_clear()


def changed(library, path, text):
    before = provenance.fingerprint(library / "train.py")
    (library / path).write_text(text)
    forget()
    return provenance.fingerprint(library / "train.py") != before


def test_an_edit_two_imports_away_counts(library):
    assert changed(library, "flowgolf/part/used.py", "def double(x):\n    return x + x\n")


def test_comments_docstrings_and_layout_do_not_count(library):
    text = '"""Docs."""\n\n# comment\ndef double(x):\n    """Twice."""\n    return (2 *\n            x)\n'
    assert not changed(library, "flowgolf/part/used.py", text)


def test_a_module_that_is_not_imported_does_not_count(library):
    assert not changed(library, "flowgolf/other.py", "x = 2\n")


def test_the_init_of_a_package_counts(library):
    assert changed(library, "flowgolf/part/__init__.py", "y = 1\n")


def test_a_later_stage_is_not_part_of_training():
    names = {path.parent.name for path in provenance.closure(provenance.WORKFLOW / "scripts" / "train.py")}
    assert {"train", "model", "data"} <= names
    assert not {"evaluate", "export", "report"} & names


def test_commit_is_that_of_the_checkout_and_unknown_outside_one(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(facts, "WORKFLOW", tmp_path)
    assert facts.commit() == "unknown"
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert len(facts.commit()) == 12
    for name in ("config/study.yaml", "code.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "-m", "y"], check=True)
    (tmp_path / "config/study.yaml").write_text("2")
    assert len(facts.commit()) == 12  # a study is meant to be edited
    (tmp_path / "code.py").write_text("2")
    assert facts.commit().endswith("-dirty")


@pytest.mark.parametrize(
    ("squeue", "seconds"), [('test "$SLURM_TIME_FORMAT" = %s && echo 1700000000 1700000060', 60), ("exit 1", None)]
)
def test_a_record_names_the_slurm_job_and_its_wait(monkeypatch, tmp_path, squeue, seconds):
    stand_in = tmp_path / "squeue"
    stand_in.write_text(f"#!/bin/sh\n{squeue}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    record = facts.run_record()
    assert (record["slurm_job_id"], record["queue_seconds"]) == ("17", seconds)
    assert {"commit", "host", "versions", "written_at"} <= record.keys()


def test_a_record_from_outside_slurm_names_no_job(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert {facts.run_record()[key] for key in ("slurm_job_id", "slurmd_nodename", "queue_seconds")} == {None}
