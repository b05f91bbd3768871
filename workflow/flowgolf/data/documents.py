"""Documents in a stream of tokens, a bounded number of tokens at a time, and whether their bytes are exact."""

import codecs
from collections.abc import Iterator

import numpy as np
import sentencepiece

from flowgolf.data.byte_count import ByteTable, decoded_bytes
from flowgolf.data.shards import Shards, Tokens

CHUNK_TOKENS = 1 << 22


def pieces(shards: Shards, bos_id: int) -> Iterator[tuple[Tokens, bool]]:
    """Runs of tokens that start at a BOS (the first may not), and whether a run ends where no BOS follows.

    A document longer than CHUNK_TOKENS is cut into several runs to bound memory, of which only the first has the BOS.
    """
    rest = np.empty(0, dtype=np.uint16)
    for start in range(0, len(shards), CHUNK_TOKENS):
        chunk = shards.read(start, min(CHUNK_TOKENS, len(shards) - start))
        tokens = np.concatenate([rest, chunk])
        borders = [0, *(np.flatnonzero(tokens[1:] == bos_id) + 1).tolist()]
        for begin, end in zip(borders, borders[1:], strict=False):
            yield tokens[begin:end], False
        rest = tokens[borders[-1] :]
        if len(rest) >= CHUNK_TOKENS:
            yield rest, True
            rest = np.empty(0, dtype=np.uint16)
    if len(rest):
        yield rest, True


def counted_and_decoded(
    processor: sentencepiece.SentencePieceProcessor, table: ByteTable, document: Tokens, cut: bool
) -> tuple[int, int]:
    """Bytes of a run as the table counts them and as its decoded text has them; they have to be equal.

    A run that was `cut` may end inside a character, which no text decodes to: then those bytes are left out.
    """
    found = table.total(document), decoded_bytes(processor, table, document)
    if found[0] == found[1] or not cut:
        return found
    whole = document[: len(document) - unfinished_bytes(processor, document)]
    return table.total(whole), decoded_bytes(processor, table, whole)


def unfinished_bytes(processor: sentencepiece.SentencePieceProcessor, document: Tokens) -> int:
    """How many byte pieces at the end begin a UTF-8 character that is not there to its end; 0 for no such beginning."""
    begin = len(document)
    while begin and processor.is_byte(int(document[begin - 1])):
        begin -= 1
    names = [processor.id_to_piece(int(token)) for token in document[begin:]]  # <0xC3>
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(bytes(int(name[3:5], 16) for name in names))
    except UnicodeDecodeError:
        return 0
    return len(decoder.getstate()[0])
