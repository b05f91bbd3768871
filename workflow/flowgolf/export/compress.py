"""zstd and brotli for streams of bytes: the writing side.

zstd codes each stream as literals only (a match finder too small to find anything) unless a sample of it is smaller at
the level asked for: quantised weights have no repeats worth a match, and chance matches cost more than they save.
"""

import zstandard

from flowgolf.export.layout import Symbols
from flowgolf.export.shuffle import shuffle

BROTLI_QUALITY = 11  # the highest; what it costs is paid once an export
SAMPLE_BYTES = 2**16  # of a tensor, on which a level is compared with literals only


LITERALS_ONLY = {
    "window_log": 20,
    "hash_log": 6,
    "chain_log": 6,
    "search_log": 1,
    "min_match": 7,
    "target_length": 0,
    "strategy": zstandard.STRATEGY_FAST,
}


def literals_only(groups: list[Symbols]) -> bytes:
    """One zstd frame of all groups, each begun in a block of its own, coded by zstd's Huffman stage alone."""
    return zstd_frame(groups, zstandard.ZstdCompressionParameters(write_content_size=False, **LITERALS_ONLY))


def at_level(groups: list[Symbols], level: int) -> bytes:
    """One zstd frame of all groups, each begun in a block of its own, at an ordinary level."""
    size_bytes = sum(map(len, groups))
    parameters = zstandard.ZstdCompressionParameters.from_level(level, source_size=size_bytes, write_content_size=False)
    return zstd_frame(groups, parameters)


def level_pays(groups: list[Symbols], level: int) -> bool:
    """Whether `level` finds repeats in a sample of the groups, the first SAMPLE_BYTES of them all together."""
    share = SAMPLE_BYTES // max(len(groups), 1)
    sample = [group[:share] for group in groups]
    return len(at_level(sample, level)) < len(literals_only(sample))


def brotli_compress(groups: list[Symbols]) -> bytes:
    """One brotli stream of all groups, their bytes shuffled."""
    import brotli  # needed by those alone who read or write brotli

    data: bytes = brotli.compress(shuffle(b"".join(group.tobytes() for group in groups)), quality=BROTLI_QUALITY)
    return data


def zstd_frame(groups: list[Symbols], parameters: zstandard.ZstdCompressionParameters) -> bytes:
    """A zstd frame without content size or checksum: the container knows both."""
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    parts = []
    for index, group in enumerate(groups):
        parts.append(compressor.compress(group.tobytes()))
        if index < len(groups) - 1:
            parts.append(compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
    return b"".join([*parts, compressor.flush()])
