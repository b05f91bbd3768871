"""What follows from given texts alone, computed once for all clones and jobs of a user instead of in every process.

Kept in the user's cache folder under the hash of those texts, so that an edit asks for another file; all of it may be
deleted at any time. Imports only the standard library.
"""

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from flowgolf.files import replacing


def folder() -> Path:
    """Where it is kept: `flowgolf/` in $XDG_CACHE_HOME, by default ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "flowgolf"


def remembered(made_from: Iterable[bytes], compute: Callable[[], Any]) -> Any:
    """`compute()`, a JSON value; read instead where it was computed before from the same texts.

    A file that cannot be read or written is as one that is not there.
    """
    hashes = "".join(sha256(text).hexdigest() for text in made_from)
    path = folder() / f"{sha256(hashes.encode()).hexdigest()}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads(path.read_text())["value"]
    value = compute()
    with suppress(OSError), replacing(path) as temporary:
        temporary.write_text(json.dumps({"value": value}))
    return value
