"""The tiny study, run once for real."""

import pytest

from tiny_clone import Clone


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A clone whose tiny study has run to the end."""
    folder = tmp_path_factory.mktemp("clone") / "a clone (1) für alle"
    folder.mkdir()
    clone = Clone(folder)
    done = clone.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    return clone


@pytest.fixture
def clone(finished):
    """The finished clone; what a test edits in code and configuration is put back."""
    saved = {path: path.read_bytes() for path in finished.folder.joinpath("workflow").rglob("*.py")}
    yield finished
    for path, data in saved.items():
        if path.read_bytes() != data:
            path.write_bytes(data)
    finished.write_config(finished.config)
