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
    written = data_json.stat().st_mtime
    try:
        shards = listed(data_json)
        younger = [path for path in shards if path.stat().st_mtime > written]
        problem = next((f"{path} is not what it was" for path in younger if files.sha256(path) != shards[path]), None)
    except FileNotFoundError as error:
        younger, problem = [], f"{error.filename} is gone"
    except (ValueError, KeyError, TypeError):
        younger, problem = [], f"{data_json} is damaged"
    if problem:
        print(f"{problem}: the data are made again", file=sys.stderr)
        for path in (data_json, Path(hub_record)):
            path.unlink(missing_ok=True)
    elif younger and os.access(data_json, os.W_OK):
        os.utime(data_json, (now, now))


def listed(data_json: Path) -> dict[Path, str]:
    """Path -> SHA-256 of every shard that data.json lists."""
    record = files.read_json(data_json)
    shards = [shard for part in PARTS for shard in record[part]["shards"]]
    return {data_json.parent / shard["path"]: shard["sha256"] for shard in shards}
