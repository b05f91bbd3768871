"""Whether the shards that data.json lists are still what was listed; asked at every start, so quick, without numpy."""

import os
import sys
import time
from pathlib import Path

from flowgolf import files
from flowgolf.data.record import PARTS


def forget_damaged(data_json: str | Path, stamp: str | Path) -> None:
    """Remove `stamp`, the sign that the shards are complete, when one of them is gone or changed; a line on stderr.

    Size and time are the quick look: a shard that is younger than the stamp is compared with its SHA-256, and if it is
    what it was, the stamp gets younger.
    """
    data_json, stamp, now = Path(data_json), Path(stamp), time.time()
    if not stamp.exists() or not data_json.exists():
        return
    shards, complete_since = listed(data_json), stamp.stat().st_mtime
    gone = [path for path in shards if not path.is_file()]
    younger = [path for path in shards if path not in gone and path.stat().st_mtime > complete_since]
    changed = [path for path in younger if files.sha256(path) != shards[path]]
    if gone or changed:
        why = f"{gone[0]} is gone" if gone else f"{changed[0]} is not what it was"
        print(f"{why}: the data are made again", file=sys.stderr)
        stamp.unlink(missing_ok=True)
    elif younger and os.access(stamp, os.W_OK):
        os.utime(stamp, (now, now))


def listed(data_json: Path) -> dict[Path, str]:
    """Path -> SHA-256 of every shard that data.json lists."""
    record = files.read_json(data_json)
    shards = [shard for part in PARTS for shard in record[part]["shards"]]
    return {data_json.parent / shard["path"]: shard["sha256"] for shard in shards}
