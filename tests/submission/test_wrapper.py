"""train_gpt.py in its wrapper: small, of one size, the same program, and unpacked byte for byte."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowgolf.study.settings import RunSettings
from flowgolf.submission.one_file import bundle
from flowgolf.submission.one_file.wrapper import unwrapped, wrapped


def values(settings: RunSettings, variant: str = "nfm") -> dict[str, Any]:
    return {"variant": variant, "seed": 42, **settings.model_dump()}


def test_unpacking_gives_the_readable_file_byte_for_byte(nfm: RunSettings) -> None:
    assert unwrapped(bundle.wrapped_train_gpt(values(nfm))) == bundle.train_gpt(values(nfm))


def test_the_wrapper_is_a_third_of_the_file_and_of_the_counted_size(nfm: RunSettings) -> None:
    sizes = {len(bundle.wrapped_train_gpt(values(nfm, variant)).encode()) for variant in ("nfm", "another-variant")}
    assert sizes == {bundle.size_bytes(values(nfm), in_wrapper=True)}
    assert bundle.size_bytes(values(nfm), in_wrapper=True) < bundle.size_bytes(values(nfm)) / 3


def test_the_wrapped_program_runs_under_its_own_name(tmp_path: Path) -> None:
    text = "import sys\nif __name__ == '__main__':\n    print(__file__, sys.argv[1], 'ü')\n"
    (tmp_path / "train_gpt.py").write_text(wrapped(text))
    command = [sys.executable, "train_gpt.py", "evaluate"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "train_gpt.py"), "evaluate", "ü"]


def test_the_generated_file_does_in_its_wrapper_what_it_does_without(nfm: RunSettings, tmp_path: Path) -> None:
    said = []
    for text in (bundle.train_gpt(values(nfm)), bundle.wrapped_train_gpt(values(nfm))):
        (tmp_path / "train_gpt.py").write_text(text)
        command = [sys.executable, "train_gpt.py", "evaluate", "--data", "."]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        said.append((done.returncode, done.stderr))
    assert said[0] == said[1]
    assert said[0][0] == 1
    assert "one SentencePiece .model of 1024 pieces is expected" in said[0][1]


def test_a_program_without_packed_source_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a train_gpt\.py in a wrapper: no packed source in it"):
        unwrapped("print(1)\n")


def test_a_wrapper_larger_than_is_counted_is_refused(nfm: RunSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "size_bytes", lambda _, in_wrapper=False: 1000 if in_wrapper else 2**20)
    with pytest.raises(ValueError, match=r"the wrapper of nfm is \d+ bytes larger than is counted"):
        bundle.wrapped_train_gpt(values(nfm))
