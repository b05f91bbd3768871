"""Which documents are validation, and which training documents repeat one (docs/spec/data.md, D3; rule 10)."""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceNormalizer

from flowgolf.data.byte_count import SPACE, load_processor
from flowgolf.data.settings import SampleData, Split, SplitByHash, SplitFirst, TextData

Part = Literal["train", "validation", "duplicate"]
DIGEST_BYTES = 8


Normalise = Callable[[str], str]
"""A text as the tokenizer reads it: texts that differ only in what it drops are equal then."""


def as_written(text: str) -> str:
    """The text itself."""
    return text


def normaliser(settings: SampleData | TextData) -> Normalise:
    """What the tokenizer of these settings does to a text first, known before it is trained.

    ValueError for a ready tokenizer that cannot be loaded.
    """
    known: Callable[..., str]
    if settings.tokenizer_model is not None:
        known = load_processor(settings.tokenizer_model).normalize
    elif settings.tokenizer.normalization == "identity":
        known = as_written
    else:
        known = SentencePieceNormalizer(
            rule_name=settings.tokenizer.normalization, remove_extra_whitespaces=True, add_dummy_prefix=False
        ).normalize
    return lambda text: str(known(text.replace(SPACE, " ")))


def digest(text: str) -> int:
    """64-bit hash of a document's text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest())


class Splitter:
    """Tells the part of each document from its place and its text, which is compared as the tokenizer reads it.

    Equal texts have equal hashes, so a split by hash has no duplicates across its parts; the other two kinds look at
    the validation documents once beforehand, and keep 8 bytes of each.
    """

    def __init__(self, split: Split, documents: Iterable[str], normalise: Normalise = as_written) -> None:
        """Hash the validation documents among `documents`."""
        self.split, self.normalise = split, normalise
        self.validation_digests = sorted_digests(split, documents, normalise)

    def part(self, index: int, text: str) -> Part:
        """Part of document number `index`; `duplicate` is a training document with a validation document's text."""
        if isinstance(self.split, SplitByHash):
            chosen = digest(self.normalise(text)) < self.split.fraction * 2 ** (8 * DIGEST_BYTES)
            return "validation" if chosen else "train"
        if is_validation(self.split, index):
            return "validation"
        return "duplicate" if self._known(digest(self.normalise(text))) else "train"

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


def sorted_digests(split: Split, documents: Iterable[str], normalise: Normalise) -> NDArray[np.uint64]:
    """Sorted hashes of the validation documents (documents,); none for a split by hash."""
    if isinstance(split, SplitByHash):
        return np.empty(0, dtype=np.uint64)
    if isinstance(split, SplitFirst):
        documents = islice(documents, split.val_documents)
    chosen = (digest(normalise(text)) for index, text in enumerate(documents) if is_validation(split, index))
    return np.sort(np.fromiter(chosen, dtype=np.uint64))
