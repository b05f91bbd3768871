"""Header and payload to the bytes of an artifact file."""

import hashlib
import struct
from pathlib import Path

import zstandard

from flowgolf.export.container import MAGIC, PRELUDE, VERSION, Header
from flowgolf.files import replacing


def encode(header: Header, payload: list[bytes]) -> bytes:
    """The bytes of a file."""
    raw, stored = stored_header(header)
    body = b"".join([stored, *payload])
    return prelude(len(stored), len(raw), body) + body


def encoded_bytes(header: Header, payload: list[bytes]) -> int:
    """Size of the file that `encode` would make."""
    return PRELUDE.size + len(stored_header(header)[1]) + sum(map(len, payload))


def stored_header(header: Header) -> tuple[bytes, bytes]:
    """The header as JSON and as it stands in the file."""
    raw = header.model_dump_json(exclude_defaults=True).encode()
    return raw, zstandard.ZstdCompressor(level=19).compress(raw)


def prelude(stored_bytes: int, raw_bytes: int, body: bytes) -> bytes:
    """The first bytes of a file with the checksum of all the others."""
    fields = struct.pack("<8sHII", MAGIC, VERSION, stored_bytes, raw_bytes)
    return fields + hashlib.sha256(fields + body).digest()


def write(path: str | Path, data: bytes) -> None:
    """Write an encoded artifact atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
