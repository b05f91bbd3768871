"""One line of a log, whoever wrote it: its label, its `key:value` pairs, and what kind of line it is."""

import re
from dataclasses import dataclass
from decimal import Decimal

from flowgolf.audit.finding import Place
from flowgolf.audit.number import Number, parse

NUMBER = r"[-+]?(?:\d[\d,_]{0,30}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,3})?"
PAIR = re.compile(
    r"(?<![\w.+/-])(?P<key>[A-Za-z_][\w.+/-]*)[\"']?\s?(?P<remark>\([^()]{0,40}\))?\s?[:=]\s*"
    rf"(?P<number>{NUMBER}|nan|-?inf)"
    r"(?:\s?(?P<unit>ms|s|sec|secs|seconds|m|min|h|bytes?)(?![\w.:=]))?(?![\w.])"
)
BARE_BPB = re.compile(r"(?i)\b(?P<key>\w*bpb)\s*(?P<remark>\([^()]{0,40}\))?\s*(?:is|->|→|≈)?\s+(?P<number>\d\.\d+)\b")
PREFIX = re.compile(r"(?:\[(?:rank)?\d+\]:?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*Z?|INFO\b:?|[|-]|\d+: |\s)*")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
STEP = re.compile(
    r"(?i)(?:train(?:ing)?\s+)?(?:(?:step|iter|iteration)\b[\s:=#\[]*(\d{1,9})|(\d{1,9})(?=/\d+\s))(?:/(\d{1,9}))?"
)
PROGRESS = re.compile(r"(?i)\[\s*\d+\s*/\s*\d+\s*\]|\bchunk[:= ]\s*\d|\bbatch[:= ]\s*\d|\bb\d+/\d|\d%\||running_")
EVALUATION = re.compile(r'"(?:evaluation|name|stage|event|phase)"\s*:\s*"([^"]{1,40})"')
MOST_CHARACTERS = 4_000  # of a line that are looked at; listings and arrays are longer
MOST_SEARCHED = 1_000  # of a line that are searched for figures: results stand on short lines
UNITS = {"ms": "0.001", "m": "60", "min": "60", "h": "3600"}
SECONDS = ("eval_time", "elapsed", "seconds", "time", "eval_seconds", "eval_time_s", "time_s", "total_time")
LOSSES = ("val_loss", "validation_loss", "loss", "nats_per_token", "eval_loss")


@dataclass(frozen=True)
class Line:
    """A log line with its pairs; `label` is what stands before the first figure, `remark` what stands in brackets."""

    text: str
    label: str
    pairs: dict[str, Number]
    units: dict[str, str]
    bad: tuple[str, ...]
    """Keys whose value is NaN or infinite."""

    def seconds(self, *keys: str) -> Number | None:
        """The first of these keys that is there, in seconds."""
        for key in keys:
            if key in self.pairs:
                return self.pairs[key].scaled(Decimal(UNITS.get(self.units[key], "1")))
        return None

    def loss(self) -> Number | None:
        """Nats per token."""
        return next((self.pairs[key] for key in LOSSES if key in self.pairs), None)

    def bpb_keys(self) -> list[str]:
        """Keys of bits per byte; `val_bpb` alone where it is among others."""
        keys = [key for key in self.pairs if key.endswith("bpb") or "bits_per_byte" in key]
        return ["val_bpb"] if "val_bpb" in keys else keys

    @property
    def progress(self) -> bool:
        """Whether this is a figure under way and not a result."""
        return PROGRESS.search(self.text) is not None


def step_of(text: str) -> tuple[int, int | None] | None:
    """(step, planned steps) of a plain line of training."""
    match = STEP.match(text)
    if match is None or not ("loss" in text or "bpb" in text or "time" in text):
        return None
    return int(match[1] or match[2]), None if match[3] is None else int(match[3])


def plain(raw: str) -> str:
    """A line without colours, without what a progress bar overwrote, and without rank and time in front."""
    if raw[:1].isalpha() and not raw.startswith("INFO") and "\r" not in raw and "\x1b" not in raw:
        return raw[:MOST_CHARACTERS].rstrip()
    text = ANSI.sub("", raw.rsplit("\r", 1)[-1][:MOST_CHARACTERS])
    return text[PREFIX.match(text).end() :].rstrip()  # type: ignore[union-attr]


def parse_line(text: str, place: Place) -> Line:
    """The pairs of a plain line; the last of equal keys counts."""
    pairs: dict[str, Number] = {}
    units: dict[str, str] = {}
    bad: list[str] = []
    matches = list(PAIR.finditer(text[:MOST_SEARCHED])) or list(BARE_BPB.finditer(text[:MOST_SEARCHED]))
    for match in matches:
        key = match["key"].lower()
        number = parse(match["number"], place)
        if number is None:
            bad.append(key)
        else:
            pairs[key] = number
            units[key] = (match.groupdict().get("unit") or "").lower()
    return Line(text, label(text, matches), pairs, units, tuple(bad))


def label(text: str, matches: list[re.Match[str]]) -> str:
    """What a line calls its figures, in lower case and without `_exact`."""
    if text.startswith("{"):
        named = EVALUATION.search(text)
        return named[1].lower() if named else ""
    before = text[: matches[0].start()] if matches else text
    words = before.strip(" :=|-").lower()
    if not words and matches:
        words = " ".join(filter(None, (matches[0]["key"].lower(), matches[0]["remark"])))
    return re.sub(r"[_ ]exact\b", "", words)[:60]
