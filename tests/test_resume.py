"""The account's secret, and states that bear its seal or another."""

import hmac
import os
import stat
from pathlib import Path

import pytest
import torch

from flowgolf.resume import SEAL_BYTES, StateFolder, read, seal_key


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


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {
        "groups": [{"betas": (0.9, 0.95), "amsgrad": False, "lr": 1e-300, "none": None}],
        "state": {0: {"step": torch.tensor(3.0)}, 7: {"step": torch.zeros(0, 2)}},
        "kinds": [torch.arange(6).view(2, 3).T, torch.ones(2, dtype=torch.bfloat16), torch.tensor([True, False])],
        "seed": 2**62,
    }
    StateFolder(tmp_path, {"it": 1}).save(state)
    loaded = StateFolder(tmp_path, {"it": 1}).load()
    assert loaded is not None
    torch.testing.assert_close(loaded, state, rtol=0, atol=0)
    assert list(loaded["state"]) == [0, 7]
    assert (type(loaded["groups"][0]["betas"]), loaded["seed"]) == (tuple, 2**62)


@pytest.mark.parametrize(
    "payload", [b"", b"PK\x03\x04 an archive of another version", bytes(8) + b"{}", b"\x02" + bytes(7) + b"{}"]
)
def test_what_has_the_right_seal_and_no_state_in_it_is_passed_over(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(hmac.digest(b"", payload, "sha256") + payload)
    assert read(tmp_path / "state.pt") is None
