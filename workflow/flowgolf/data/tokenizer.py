"""The tokenizer: trained on the training documents, or taken as it is (docs/spec/data.md, D2)."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import sentencepiece

from flowgolf.data.byte_count import SPACE, load_processor
from flowgolf.data.hub import files_of_the_hub
from flowgolf.data.settings import DataSettings, HubData, ShardsData, TokenizerSettings
from flowgolf.data.sources import Documents
from flowgolf.data.split import Splitter, normaliser
from flowgolf.files import replacing

PAD, BOS, EOS, UNKNOWN = 0, 1, 2, 3
NUM_THREADS = 4
"""Stored in the .model file, so fixed: the same text gives the same bytes on every machine."""


def tokenizer(settings: DataSettings, model_path: str | Path, hub_record: str | Path | None = None) -> None:
    """Write the SentencePiece .model of a data source: trained, copied or downloaded.

    `hub_record` is the JSON that rule download left: with it the hub is not asked.

    ValueError when there is no training text, too little of it for the vocabulary, or when a ready model has another
    vocabulary size than the settings say.
    """
    if isinstance(settings, HubData):
        model = read_ready(files_of_the_hub(settings, hub_record)["tokenizer"], settings.vocab_size)
    elif isinstance(settings, ShardsData):
        model = read_ready(settings.tokenizer_model, settings.vocab_size)
    elif settings.tokenizer_model is not None:
        model = read_ready(settings.tokenizer_model, settings.tokenizer.vocab_size)
    else:
        documents = Documents(settings)
        splitter = Splitter(settings.split, documents, normaliser(settings))
        model = train(splitter.training(documents), settings.tokenizer)
    with replacing(model_path) as temporary:
        temporary.write_bytes(model)


def read_ready(path: str | Path, vocab_size: int) -> bytes:
    """Bytes of a ready .model, checked."""
    check_vocab_size(load_processor(path), vocab_size, path)
    return Path(path).read_bytes()


def check_vocab_size(processor: sentencepiece.SentencePieceProcessor, vocab_size: int, path: str | Path) -> None:
    """ValueError unless the tokenizer has exactly the vocabulary that the settings say."""
    if processor.vocab_size() != vocab_size:
        found = processor.vocab_size()
        raise ValueError(f"{path}: the tokenizer has {found} pieces, the settings say vocab_size {vocab_size}")


def train(documents: Iterable[str], settings: TokenizerSettings) -> bytes:
    """Train SentencePiece BPE on a stream of documents; the .model as bytes, the same for the same text."""
    lines = Lines(documents, settings)
    model = BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="bpe",
            vocab_size=settings.vocab_size,
            character_coverage=settings.character_coverage,
            byte_fallback=True,
            split_digits=settings.split_digits,
            normalization_rule_name=settings.normalization,
            add_dummy_prefix=False,
            remove_extra_whitespaces=settings.normalization != "identity",
            pad_id=PAD,
            bos_id=BOS,
            eos_id=EOS,
            unk_id=UNKNOWN,
            hard_vocab_limit=False,
            required_chars=SPACE,
            max_sentence_length=settings.max_sentence_bytes,
            num_threads=NUM_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ValueError(training_failure(str(error), lines.size_bytes, settings)) from None
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size()
    if found != settings.vocab_size:
        raise ValueError(
            f"the corpus is too small for the vocabulary: {lines.size_bytes} bytes of training text give {found} "
            f"pieces, vocab_size asks for {settings.vocab_size}"
        )
    return model.getvalue()


def training_failure(message: str, size_bytes: int, settings: TokenizerSettings) -> str:
    """One sentence for what SentencePiece's trainer refused."""
    if size_bytes == 0 or "sentences_.empty()" in message:
        return "the corpus is empty: no training text to train the tokenizer on"
    if "smaller than required_chars" in message:
        return (
            f"vocab_size {settings.vocab_size} is too small for the characters of the corpus: raise it, or lower "
            f"character_coverage (now {settings.character_coverage})"
        )
    return f"SentencePiece could not train on {size_bytes} bytes of text: {message.strip()}"


class Lines:
    """The lines of documents as SentencePiece's trainer takes them: no line empty, none longer than its limit."""

    def __init__(self, documents: Iterable[str], settings: TokenizerSettings) -> None:
        """Take documents; none is read yet."""
        self.documents = documents
        self.settings = settings
        self.size_bytes = 0

    def __iter__(self) -> Iterator[str]:
        """Yield lines until `max_training_bytes` of text have been seen."""
        for text in self.documents:
            for line in text.replace("\0", "").splitlines():
                for part in cut(line, self.settings.max_sentence_bytes):
                    self.size_bytes += len(part.encode())
                    yield part
                    if self.size_bytes >= self.settings.max_training_bytes:
                        return


def cut(line: str, max_bytes: int) -> Iterator[str]:
    """Parts of `line` of at most `max_bytes` of UTF-8, cut at spaces where there are any."""
    start = 0
    while start < len(line):
        ahead = line[start : start + max_bytes]
        head = ahead.encode()[:max_bytes].decode(errors="ignore")
        place = head.rfind(" ", 1)
        if place > 0 and start + len(head) < len(line):
            head = head[:place]
        if head.strip():
            yield head
        start += len(head)
