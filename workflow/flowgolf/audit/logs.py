"""The facts of one log: scores, sizes, steps, seconds, settings, each with its line."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from flowgolf.audit.finding import Place
from flowgolf.audit.number import Number

AFTER_TTT = "after TTT"
DURING_TRAINING = "during training"
FILE_SEED = re.compile(r"(?i)(?:seed|(?:^|[_-])s)[_-]?(\d{1,10})(?!\d)")


@dataclass(frozen=True)
class Score:
    """One result line: bits per byte, nats per token where it says so, seconds where it says so."""

    label: str
    bpb: Number
    loss: Number | None
    seconds: Number | None
    stride: Number | None = None

    @property
    def place(self) -> Place:
        """Its line."""
        return self.bpb.place

    def number(self, metric: str) -> Number | None:
        """The figure of a metric: `bpb` or `loss`."""
        return self.bpb if metric == "bpb" else self.loss


@dataclass(frozen=True)
class Text:
    """A setting or a name, as printed."""

    text: str
    place: Place


@dataclass(frozen=True)
class Size:
    """A number of bytes; the label is what the log says of it, as `int6+zstd`."""

    label: str
    bytes: Number


@dataclass
class Log:
    """The facts of a log."""

    name: str
    digest: str = ""
    cut: bool = False
    """Whether the file goes on beyond what was read."""
    code_lines: int = 0
    """Lines that look like a listing of Python."""
    seed: Number | None = None
    settings: dict[str, Text] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    validations: list[Score] = field(default_factory=list)
    """Scores during training."""
    progress: Score | None = None
    """The last figure under way."""
    step: Number | None = None
    planned: int | None = None
    train_seconds: Number | None = None
    step_ms: Number | None = None
    backwards: Place | None = None
    """A line whose step is below the one before it."""
    sizes: dict[str, list[Size]] = field(default_factory=lambda: {"model": [], "code": [], "total": []})
    counts: dict[str, Number] = field(default_factory=dict)
    """val_tokens, train_shards, scored_tokens, scored_bytes and what a ledger says."""
    calibration: list[Number] = field(default_factory=list)
    """Seconds."""
    eval_seconds: Number | None = None
    """A total that the log states by itself."""
    reloaded: Place | None = None
    gpus: dict[str, int] = field(default_factory=dict)
    gpu_place: Place | None = None
    torch: Text | None = None
    not_numbers: list[Text] = field(default_factory=list)
    epoch: Number | None = None
    decimals: dict[str, int] = field(default_factory=dict)
    """Every number with three decimals or more -> the first line that has it, understood or not."""

    @property
    def file_seed(self) -> int | None:
        """The seed that the file's name gives."""
        match = FILE_SEED.search(Path(self.name).stem)
        return None if match is None else int(match[1])

    @property
    def trained(self) -> bool:
        """Whether training is in this log."""
        return self.step is not None and self.step.value > 0

    def printed(self, number: Number) -> Place | None:
        """A line that prints a number, or one that rounds to it, whatever the line is about."""
        exact = f"{number.value:f}"
        if exact in self.decimals:
            return Place(self.name, self.decimals[exact])
        rounded = (
            line for text, line in self.decimals.items() if len(text) > len(exact) and number.agrees(Decimal(text))
        )
        return next((Place(self.name, line) for line in rounded), None)

    @property
    def empty(self) -> bool:
        """Whether nothing was understood."""
        return not (self.scores or self.validations or self.trained or self.sizes["total"])

    def last(self, kind: str) -> Size | None:
        """The size that counts: the last one that says how it was compressed, else the last one."""
        found = self.sizes[kind]
        return next((size for size in reversed(found) if size.label), found[-1] if found else None)
