"""zstd and brotli for streams of bytes. Decoding is bounded by the size asked for.

zstd codes each stream as literals only (a match finder too small to find anything) unless a sample of it is smaller at
the level asked for: quantised weights have no repeats worth a match, and chance matches cost more than they save.
"""

from typing import Literal, NamedTuple

import zstandard

from flowgolf.export.shuffle import unshuffle

Codec = Literal["zstd", "range", "brotli"]


class Coding(NamedTuple):
    """How integers are coded."""

    codec: Codec
    level: int | None = None
    """Of zstd; the others have none."""


def zstd_decompress(data: bytes, size_bytes: int) -> bytes:
    """Exactly `size_bytes` out of one frame, or a ValueError; never allocates more than is asked for."""
    if size_bytes == 0 and not data:
        return b""
    try:
        declared = zstandard.get_frame_parameters(data).content_size
        if declared not in (zstandard.CONTENTSIZE_UNKNOWN, size_bytes):
            raise ValueError(f"stream declares {declared} bytes where {size_bytes} belong")
        decompressed = zstandard.ZstdDecompressor().decompress(
            data, max_output_size=max(size_bytes, 1), allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise ValueError(f"zstd stream is damaged ({error})") from None
    if len(decompressed) != size_bytes:
        raise ValueError(f"stream holds {len(decompressed)} bytes where {size_bytes} belong")
    return decompressed


def brotli_decompress(data: bytes, size_bytes: int) -> bytes:
    """Exactly `size_bytes` that were shuffled and coded as one brotli stream, or a ValueError; bounded like zstd."""
    import brotli  # needed by those alone who read or write brotli

    decoder = brotli.Decompressor()
    try:
        found = decoder.process(data, output_buffer_limit=size_bytes + 1)
        while len(found) <= size_bytes and not decoder.is_finished():
            more = decoder.process(b"", output_buffer_limit=size_bytes + 1 - len(found))
            if not more:
                raise ValueError(f"brotli stream ends after {len(found)} of {size_bytes} bytes")
            found += more
    except brotli.error as error:
        raise ValueError(f"brotli stream is damaged ({error})") from None
    if len(found) != size_bytes:
        raise ValueError(f"brotli stream holds {len(found)} or more bytes where {size_bytes} belong")
    return unshuffle(found)
