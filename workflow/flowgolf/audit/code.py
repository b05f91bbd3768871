"""The code of a submission, read as text and never run: its size, what it is wrapped in, its default settings."""

import base64
import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flowgolf.audit.folder import Folder

MOST_UNPACKED = 4_000_000  # bytes; the longest published script has 200,000
MOST_LAYERS = 3
MOST_MEMORY = 128_000_000
SCRIPT = "train_gpt.py"
LITERAL = re.compile(r"([\"'])([0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~/\s]{200,})\1")
DEFAULT = re.compile(r"(?:environ\.get|getenv)\(\s*[\"'](\w+)[\"']\s*,\s*([^,()]{1,80}?)\s*\)")
TRAINS_ON_VALIDATION = re.compile(r"^[^#\n]*\btrain_files\b[^#\n]*=[^#\n]*\bfineweb_val", re.MULTILINE)
DEFAULT_DOCS = re.compile(r"val[_-]docs[\"']?\s*,[^\n]{0,80}?\bdefault\s*=\s*(\d[\d_]{0,12})")
GIVEN_DOCS = re.compile(r"--val-docs[= ]\s*(\d[\d_]{0,12})")
RAW_FILTERS = [{"id": lzma.FILTER_LZMA2, "dict_size": 64 * 1024 * 1024}]


@dataclass(frozen=True)
class Layer:
    """Text that was packed in a string of the layer outside it."""

    packing: str
    text: str
    cut: bool
    """Whether it unpacks to more than MOST_UNPACKED bytes."""


@dataclass
class Code:
    """The script of a folder."""

    name: str
    size: int
    """Bytes of the file."""
    text: str
    layers: list[Layer] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The innermost text."""
        return self.layers[-1].text if self.layers else self.text

    def defaults(self) -> dict[str, str]:
        """Settings that the environment may change -> their defaults, by the name in lower case."""
        return {match[1].lower(): match[2].strip().strip("\"'") for match in DEFAULT.finditer(self.source)}


def read_code(folder: Folder) -> Code | None:
    """The script of a folder with its layers, None when there is none."""
    if SCRIPT not in folder.files:
        return None
    code = Code(SCRIPT, folder.files[SCRIPT], folder.text(SCRIPT))
    while len(code.layers) < MOST_LAYERS and (layer := unpack(code.source)) is not None:
        code.layers.append(layer)
    return code


def unpack(text: str) -> Layer | None:
    """What the longest string of a source holds, when it is a packed source."""
    literals = sorted((match[2] for match in LITERAL.finditer(text)), key=len, reverse=True)
    for literal in literals[:3]:
        for encoding, packed in decoded(literal):
            for packing, expand in EXPANDERS.items():
                content = expanded(expand, packed)
                if content is not None:
                    inner = content[:MOST_UNPACKED].decode("utf-8", errors="replace")
                    return Layer(f"{encoding}, {packing}", inner, len(content) > MOST_UNPACKED)
    return None


def decoded(literal: str) -> Iterator[tuple[str, bytes]]:
    """The bytes that a string may stand for."""
    compact = "".join(literal.split()).encode()
    for name, decode in (("base 85", base64.b85decode), ("base 64", b64decode)):
        try:
            yield name, decode(compact)
        except ValueError:
            continue


def b64decode(packed: bytes) -> bytes:
    """Base 64, strictly."""
    return base64.b64decode(packed, validate=True)


def expanded(expand: Callable[[bytes], bytes], packed: bytes) -> bytes | None:
    """At most one byte more than MOST_UNPACKED of the content; None when it is not packed so."""
    try:
        return expand(packed) or None
    except (lzma.LZMAError, zlib.error, OSError, ValueError, EOFError, MemoryError):
        return None


EXPANDERS: dict[str, Callable[[bytes], bytes]] = {
    "LZMA": lambda packed: lzma.LZMADecompressor(memlimit=MOST_MEMORY).decompress(packed, MOST_UNPACKED + 1),
    "zlib": lambda packed: zlib.decompressobj(wbits=47).decompress(packed, MOST_UNPACKED + 1),
    "bzip2": lambda packed: bz2.BZ2Decompressor().decompress(packed, MOST_UNPACKED + 1),
    "raw LZMA": lambda packed: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=RAW_FILTERS).decompress(
        packed, MOST_UNPACKED + 1
    ),
}
"""How people pack sources; raw LZMA last, because it has no mark by which to tell it."""
