"""Which training documents are in validation, by a hash of their tokens: one streaming pass, any size (rule 10).

The hash of tokens t_0, t_1, ... after a BOS is the sum of (t_i + 1) * R^i modulo 2^64, R odd and without a pattern: a
run of tokens costs two products and sums, and a document that goes on in the next run takes up where it was. Equal
documents have equal hashes, so no repeat is missed; one in 2^64 pairs of different documents would count as a repeat.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from flowgolf.data.dataset import Dataset
from flowgolf.data.shards import Shards, Tokens

Hashes = NDArray[np.uint64]
RUN_TOKENS = 1 << 16
"""Tokens hashed at once: their products stay in a CPU's cache."""
MULTIPLIER = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Repeats:
    """What a comparison of two parts found."""

    documents: int
    """Training documents with the tokens of a validation document."""
    tolerated: int
    """So many the study allows (`data.max_repeats`)."""
    training: int
    """Training documents compared, empty ones left out."""
    validation: int
    """Different validation documents."""

    def __str__(self) -> str:
        """In words."""
        return (
            f"{self.documents} of {self.training} training documents have the tokens of one of {self.validation} "
            f"validation documents, data.max_repeats is {self.tolerated}"
        )

    def record(self) -> dict[str, int]:
        """For an evaluation's record."""
        return {"documents": self.documents, "tolerated": self.tolerated}


def repeats(dataset: Dataset) -> Repeats:
    """Compare the parts of a data set, under the tolerance that its source states."""
    tolerated = int(dataset.record.get("source", {}).get("max_repeats", 0))
    return compared(dataset.train, dataset.validation, dataset.bos_id, tolerated)


def compared(train: Shards, validation: Shards, bos_id: int, tolerated: int) -> Repeats:
    """Hash every document of both parts and count training documents whose hash is one of validation's."""
    known = np.unique(np.concatenate([np.empty(0, np.uint64), *document_hashes(validation, bos_id)]))
    found = training = 0
    for hashes in document_hashes(train, bos_id):
        training += len(hashes)
        places = np.searchsorted(known, hashes)
        found += int((known[np.minimum(places, len(known) - 1)] == hashes).sum()) if len(known) else 0
    return Repeats(found, tolerated, training, len(known))


def document_hashes(shards: Shards, bos_id: int) -> Iterator[Hashes]:
    """Hashes of the documents of a stream in order, those without a token left out, some at a time (documents,)."""
    open_hash, open_length = 0, 0
    for start in range(0, len(shards), RUN_TOKENS):
        tokens = shards.read(start, min(RUN_TOKENS, len(shards) - start))
        borders = np.flatnonzero(tokens == bos_id)
        sums, lengths = stretches(tokens, borders)
        sums[0] = (open_hash + int(sums[0]) * power(open_length)) % 2**64
        lengths[0] += open_length
        open_hash, open_length = int(sums[-1]), int(lengths[-1])
        complete = lengths[:-1] > 0
        yield sums[:-1][complete]
    if open_length:
        yield np.array([open_hash], np.uint64)


def stretches(tokens: Tokens, borders: NDArray[np.intp]) -> tuple[Hashes, NDArray[np.int64]]:
    """Hash and length of the tokens before the first border, between borders, and after the last: (borders + 1,)."""
    powers, inverses = tables()
    begins = np.concatenate([[0], borders + 1])
    lengths = np.concatenate([borders, [len(tokens)]]) - begins
    products = tokens.astype(np.uint64)
    products += np.uint64(1)  # a token 0 counts too
    products *= powers[: len(tokens)]
    products[borders] = 0
    sums = np.zeros(len(begins), np.uint64)
    filled = lengths > 0
    if filled.any():
        sums[filled] = np.add.reduceat(products, begins[filled])
    return sums * inverses[begins], lengths


@cache
def tables() -> tuple[Hashes, Hashes]:
    """Powers of R and of its inverse modulo 2^64, up to a run's length."""
    return powers_of(MULTIPLIER), powers_of(pow(MULTIPLIER, -1, 2**64))


def powers_of(base: int) -> Hashes:
    """base^0 to base^RUN_TOKENS modulo 2^64."""
    factors = np.full(RUN_TOKENS + 1, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def power(exponent: int) -> int:
    """R^exponent modulo 2^64."""
    return pow(MULTIPLIER, exponent, 2**64)
