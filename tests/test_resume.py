"""The account's secret, and states that bear its seal or another."""

import os
import stat
from pathlib import Path

import pytest

from flowgolf.resume import SEAL_BYTES, StateFolder, seal_key


def test_the_secret_is_made_once_for_this_account_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWGOLF_SEAL")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = seal_key()
    path = tmp_path / "flowgolf" / "seal"
    assert (len(key), key, seal_key()) == (SEAL_BYTES, path.read_bytes(), key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["seal"]


def test_a_secret_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seal").write_text("short")
    monkeypatch.setenv("FLOWGOLF_SEAL", str(tmp_path / "seal"))
    with pytest.raises(ValueError, match=r"seal: a secret of at least 32 bytes is expected, found 5"):
        seal_key()


def test_a_state_under_another_seal_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    StateFolder(tmp_path, {"it": 1}, b"a" * 32).save({"step": 3})
    assert StateFolder(tmp_path, {"it": 1}, b"a" * 32).load() == {"step": 3}
    assert StateFolder(tmp_path, {"it": 1}, b"b" * 32).load() is None
    assert "state.pt: damaged, or not made under this account, going back" in capsys.readouterr().err
