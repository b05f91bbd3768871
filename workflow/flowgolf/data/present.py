"""Whether the shards that data.json lists are still what was listed; asked at every start, so quick, without numpy."""

import os
import sys
import time
from pathlib import Path

from flowgolf import files
from flowgolf.data.record import PARTS


def forget_damaged(data_json: str | Path, hub_record: str | Path) -> None:
    """Remove a data.json that is no longer true, because a shard is gone or changed; a line on stderr says which.

    The record of what was downloaded from the hub goes as well: it names the same files.

    Time is the quick look: a shard that is younger than data.json is compared with its SHA-256, and if it is
    what it was, data.json gets younger.
    """
    data_json, now = Path(data_json), time.time()
    if not data_json.exists():
        return
    shards, written = listed(data_json), data_json.stat().st_mtime
    gone = [path for path in shards if not path.is_file()]
    younger = [path for path in shards if path not in gone and path.stat().st_mtime > written]
    changed = [path for path in younger if files.sha256(path) != shards[path]]
    if gone or changed:
        why = f"{gone[0]} is gone" if gone else f"{changed[0]} is not what it was"
        print(f"{why}: the data are made again", file=sys.stderr)
        for path in (data_json, Path(hub_record)):
            path.unlink(missing_ok=True)
    elif younger and os.access(data_json, os.W_OK):
        os.utime(data_json, (now, now))


def listed(data_json: Path) -> dict[Path, str]:
    """Path -> SHA-256 of every shard that data.json lists."""
    record = files.read_json(data_json)
    shards = [shard for part in PARTS for shard in record[part]["shards"]]
    return {data_json.parent / shard["path"]: shard["sha256"] for shard in shards}
