"""How many bytes of text a token stands for: the denominator of bits per byte (docs/spec/data.md, D5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece
from numpy.typing import NDArray

SPACE = "\u2581"
"""SentencePiece's mark for a space, decoded as one."""


@dataclass(frozen=True)
class ByteTable:
    """Bytes of each piece. All arrays are (vocab,)."""

    piece_bytes: NDArray[np.int64]
    """UTF-8 bytes without the leading space: 1 for byte pieces, 0 for control, unknown and unused pieces."""
    leading_space: NDArray[np.bool_]
    """Whether the piece starts with a space."""
    boundary: NDArray[np.bool_]
    """Whether a leading space right after this piece is no text: control, unknown and unused pieces."""

    @classmethod
    def from_tokenizer(cls, model_path: str | Path) -> "ByteTable":
        """Table of a SentencePiece .model file."""
        return cls.from_processor(load_processor(model_path))

    @classmethod
    def from_processor(cls, processor: sentencepiece.SentencePieceProcessor) -> "ByteTable":
        """Table of a loaded tokenizer.

        A tokenizer that neither adds a leading space nor removes one from the text decodes it at the start too: after
        a boundary the space is text then, and no piece counts as a boundary.
        """
        vocab_size = processor.vocab_size()
        piece_bytes = np.zeros(vocab_size, dtype=np.int64)
        leading_space = np.zeros(vocab_size, dtype=bool)
        boundary = np.zeros(vocab_size, dtype=bool)
        for token in range(vocab_size):
            if processor.is_control(token) or processor.is_unknown(token) or processor.is_unused(token):
                boundary[token] = True
            elif processor.is_byte(token):
                piece_bytes[token] = 1
            else:
                piece: str = processor.id_to_piece(token)
                leading_space[token] = piece.startswith(SPACE)
                piece_bytes[token] = len(piece.removeprefix(SPACE).replace(SPACE, " ").encode())
        starts = np.flatnonzero(leading_space)
        if len(starts) and processor.decode([int(starts[0])]).startswith(" "):
            boundary[:] = False
        return cls(piece_bytes, leading_space, boundary)

    def count(self, previous_ids: NDArray[np.integer], ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """Bytes of each of `ids` when it comes after the one of `previous_ids` at the same place; any equal shapes."""
        counts: NDArray[np.int64] = self.piece_bytes[ids] + (self.leading_space[ids] & ~self.boundary[previous_ids])
        return counts

    def total(self, ids: NDArray[np.integer]) -> int:
        """Bytes of the tokens (time,) after the first one."""
        return int(self.count(ids[:-1], ids[1:]).sum())


def load_processor(model_path: str | Path) -> sentencepiece.SentencePieceProcessor:
    """A SentencePiece .model file, loaded; ValueError when it is missing or is no model."""
    path = Path(model_path)
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: tokenizer not readable ({error.strerror})") from None
    except RuntimeError:
        raise ValueError(f"{path}: not a SentencePiece model") from None


def decoded_bytes(processor: sentencepiece.SentencePieceProcessor, table: ByteTable, ids: NDArray[np.integer]) -> int:
    """UTF-8 bytes of what the tokens (time,) decode to, with each stretch between boundary pieces decoded by itself."""
    return sum(len(processor.decode(stretch.tolist()).encode()) for stretch in stretches(table, ids))


def stretches(table: ByteTable, ids: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
    """Runs of `ids` (time,) that stand for text, cut at the pieces that stand for none."""
    textless = (table.piece_bytes[ids] == 0) & ~table.leading_space[ids]
    if not table.boundary.any():
        yield ids[~textless]
        return
    borders = [-1, *np.flatnonzero(textless).tolist(), len(ids)]
    yield from (
        ids[before + 1 : after] for before, after in zip(borders, borders[1:], strict=False) if after - before > 1
    )
