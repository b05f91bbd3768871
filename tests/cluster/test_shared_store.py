"""Two users and one store: whatever its permissions, a job never fails for it; this needs root to be two users."""

import os
import sys
import tempfile
import traceback
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from flowgolf.running.store import Store

ANNA, BERT, GROUP = 54_001, 54_002, 54_000
KEY, OTHER = "ab" + 62 * "0", "ab" + 62 * "1"


@pytest.fixture
def folder():
    """A folder that every user can reach and write to, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def as_user(user, work):
    """What `work` prints and returns as a user of the group under the usual umask; an error fails the test."""
    with tempfile.TemporaryFile("w+") as told:
        pid = os.fork()
        if pid == 0:
            with redirect_stderr(told):
                os._exit(change_user_and(work, user))
        _, status = os.waitpid(pid, 0)
        told.seek(0)
        text = told.read()
    assert status == 0, text
    return text


def change_user_and(work, user):
    """Exit code of a process that becomes a user and does its work."""
    os.setgroups([])
    os.setgid(GROUP)
    os.setuid(user)
    os.umask(0o022)
    try:
        print(work(), file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


def put(store, user, key):
    """A job of a user has made a result."""

    def work():
        path = Path(tempfile.mkdtemp(), "model.bin")
        path.write_text("weights")
        return Store(store).put(key, [str(path)], "train nfm seed 1")

    return as_user(user, work)


def fetch(store, user, key):
    """A job of a user asks for a result."""

    def work():
        path = Path(tempfile.mkdtemp(), "model.bin")
        return Store(store).fetch(key, [str(path)]) and path.read_text() == "weights"

    return as_user(user, work)


def test_a_store_of_somebody_else_is_read_and_does_not_grow(folder):
    store = folder / "store"
    assert put(store, ANNA, KEY) == "None\n"
    assert fetch(store, BERT, KEY) == "True\n"
    assert "the result of train nfm seed 1 is not kept ([Errno 13] Permission denied" in put(store, BERT, OTHER)


def test_a_store_that_is_closed_to_a_user_is_no_store(folder):
    store = folder / "store"
    put(store, ANNA, KEY)
    store.chmod(0o700)
    assert "not to be read, computed again ([Errno 13] Permission denied" in fetch(store, BERT, KEY)
    assert "is not kept ([Errno 13] Permission denied" in put(store, BERT, KEY)


def test_a_damaged_entry_of_somebody_else_is_told_and_stays(folder):
    store = folder / "store"
    put(store, ANNA, KEY)
    (Store(store).entry(KEY) / "model.bin").write_text("tampered")
    assert "not what was stored" in fetch(store, BERT, KEY)
    assert Store(store).entry(KEY).exists()
    put(store, BERT, KEY)
    (Store(store).entry(KEY) / "index.json").write_text("{")
    assert "is not kept" in put(store, BERT, KEY)


def test_a_store_of_a_group_grows_and_shrinks_by_everybody(folder):
    store = folder / "store"
    store.mkdir()
    os.chown(store, ANNA, GROUP)
    store.chmod(0o2770)
    for user, key in ((ANNA, KEY), (BERT, OTHER)):
        assert put(store, user, key) == "None\n"
    assert fetch(store, BERT, KEY) == fetch(store, ANNA, OTHER) == "True\n"
    assert {path.stat().st_mode & 0o060 for path in store.rglob("*")} == {0o060}
    removed = as_user(BERT, lambda: [entry.label for entry in Store(store).prune(days=0)])
    assert removed == "['train nfm seed 1', 'train nfm seed 1']\n"


def test_what_cannot_be_removed_stops_no_pruning(folder):
    store = folder / "store"
    put(store, ANNA, KEY)
    store.chmod(0o777)
    put(store, BERT, "cd" + KEY[2:])
    told = as_user(BERT, lambda: len(Store(store).prune(days=0)))
    assert "stays ([Errno 13] Permission denied" in told
    assert told.endswith("1\n")
