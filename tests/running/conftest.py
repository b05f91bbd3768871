"""What tests of how jobs run share."""

import os

import pytest


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a shell script under a command's name on the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return make
