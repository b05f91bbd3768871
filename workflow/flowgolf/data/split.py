"""Which documents are validation, and which training documents repeat one (docs/spec/data.md, D3; rule 10)."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flowgolf.data.settings import Split, SplitByHash, SplitFirst

Part = Literal["train", "validation", "duplicate"]
DIGEST_BYTES = 8


def digest(text: str) -> int:
    """64-bit hash of a document's text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest())


class Splitter:
    """Tells the part of each document from its place and its text.

    Equal texts have equal hashes, so a split by hash has no duplicates across its parts; the other two kinds look at
    the validation documents once beforehand, and keep 8 bytes of each.
    """

    def __init__(self, split: Split, documents: Iterable[str]) -> None:
        """Hash the validation documents among `documents`."""
        self.split = split
        self.validation_digests = sorted_digests(split, documents)

    def part(self, index: int, text: str) -> Part:
        """Part of document number `index`; `duplicate` is a training document with a validation document's text."""
        if isinstance(self.split, SplitByHash):
            chosen = digest(text) < self.split.fraction * 2 ** (8 * DIGEST_BYTES)
            return "validation" if chosen else "train"
        if is_validation(self.split, index):
            return "validation"
        return "duplicate" if self._known(digest(text)) else "train"

    def training(self, documents: Iterable[str]) -> Iterator[str]:
        """The training documents among `documents`, duplicates of validation ones left out."""
        return (text for index, text in enumerate(documents) if self.part(index, text) == "train")

    def _known(self, value: int) -> bool:
        place = int(np.searchsorted(self.validation_digests, np.uint64(value)))
        return place < len(self.validation_digests) and int(self.validation_digests[place]) == value


def is_validation(split: Split, index: int) -> bool:
    """Whether the document at `index` is validation, for the splits that go by the place."""
    assert not isinstance(split, SplitByHash)
    return index < split.val_documents if isinstance(split, SplitFirst) else index % split.k == 0


def sorted_digests(split: Split, documents: Iterable[str]) -> NDArray[np.uint64]:
    """Sorted hashes of the validation documents (documents,); none for a split by hash."""
    if isinstance(split, SplitByHash):
        return np.empty(0, dtype=np.uint64)
    if isinstance(split, SplitFirst):
        documents = islice(documents, split.val_documents)
    chosen = (digest(text) for index, text in enumerate(documents) if is_validation(split, index))
    return np.sort(np.fromiter(chosen, dtype=np.uint64))
