"""A stand-in for the Hugging Face hub on the loopback interface, with the faults that a test asks for."""

import hashlib
import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from types import TracebackType

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 1000
"""Files from this size on have a SHA-256 as their ETag, smaller ones git's SHA-1, as on the hub."""


class StandInHub:
    """Serves `files` (path in the repository -> content) of one dataset repository.

    `faults` maps a path to what goes wrong at its next downloads, one entry each: "break" (connection closed half way),
    "truncate" (half the file, and a length that says so), "damage" (one byte changed), or a status such as 503.
    """

    def __init__(self, repository: str, files: dict[str, bytes]) -> None:
        self.repository, self.files = repository, files
        self.faults: defaultdict[str, list[str | int]] = defaultdict(list)
        self.requests: list[tuple[str, str, str | None]] = []
        self.authorizations: set[str | None] = set()
        handler = type("Handler", (HubRequest,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint(self) -> str:
        """Address to use instead of the hub's."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "StandInHub":
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def downloads(self, path: str) -> list[str | None]:
        """The Range header of every GET of a file."""
        return [byte_range for method, name, byte_range in self.requests if method == "GET" and name.endswith(path)]


def etag(content: bytes) -> str:
    """Checksum of a file as the hub gives it."""
    if len(content) >= LARGE_BYTES:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class HubRequest(BaseHTTPRequestHandler):
    """One request to the stand-in."""

    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing on stderr."""

    def do_HEAD(self) -> None:
        self.answer("HEAD")

    def do_GET(self) -> None:
        self.answer("GET")

    def answer(self, method: str) -> None:
        """Information about the repository, or a file."""
        hub, byte_range = self.hub, self.headers.get("Range")
        hub.requests.append((method, self.path, byte_range))
        hub.authorizations.add(self.headers.get("Authorization"))
        if self.path.startswith(f"/api/datasets/{hub.repository}/revision/"):
            self.describe(self.path.rpartition("/")[2])
            return
        prefix = f"/datasets/{hub.repository}/resolve/{COMMIT}/"
        name = str(PurePosixPath(self.path.removeprefix(prefix)))
        if not self.path.startswith(prefix) or name not in hub.files:
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        faults = hub.faults[name]
        fault = faults.pop(0) if faults and (method == "GET" or isinstance(faults[0], int)) else None
        self.serve(method, hub.files[name], byte_range, fault)

    def describe(self, revision: str) -> None:
        """The commit of a revision."""
        faults = self.hub.faults["commit"]
        if faults:
            self.reply(int(faults.pop(0)), b"")
        elif revision == "main":
            record = {"id": self.hub.repository, "sha": COMMIT, "siblings": [], "private": False, "tags": []}
            self.reply(200, json.dumps({**record, "downloads": 0, "likes": 0}).encode())
        else:
            self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})

    def serve(self, method: str, content: bytes, byte_range: str | None, fault: str | int | None) -> None:
        """A file, or the part of it that was asked for, with its fault."""
        headers = {"ETag": f'"{etag(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if isinstance(fault, int):
            self.reply(fault, b"", {"Retry-After": "0"})
            return
        start = int(byte_range.removeprefix("bytes=").partition("-")[0]) if byte_range else 0
        body = content[start:]
        if fault == "damage":
            body = bytes([body[0] ^ 1]) + body[1:]
        elif fault == "truncate":
            body = body[: len(body) // 2]
        if byte_range:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        sent = body[: len(body) // 2] if fault == "break" else body
        self.reply(206 if byte_range else 200, sent if method == "GET" else b"", headers, len(body))
        if fault == "break":
            self.close_connection = True

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        """Status line, headers and body."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
