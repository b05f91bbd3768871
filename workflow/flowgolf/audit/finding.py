"""What an audit finds: severity, kind, one sentence, and the lines that it rests on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

SEVERITIES = ("error", "warning", "not stated", "note")
"""In the order of the page."""

KINDS = {
    "file": "a file that is missing, unreadable, cut off or a link out of the folder",
    "json": "submission.json is not what it should be: syntax, a key that stands twice, NaN, text for a number",
    "score": "a claimed bpb or loss that the logs do not give, or give otherwise",
    "score-name": "a figure under the name of another",
    "score-seed": "one seed's figure claimed where the logs have several seeds",
    "spread": "a claimed standard deviation is not the sample standard deviation (n - 1)",
    "rounding": "a figure is off in its last digit only",
    "seeds": "seeds without a log, logs without a claim, one seed only",
    "size": "a size is wrong, is not in the logs, or is not the largest of the seeds",
    "cap": "more than 16,000,000 bytes with the code",
    "code": "the code that ran, that was counted and that lies in the folder are not one",
    "code-settings": "runs used other settings than the code's defaults",
    "settings": "the logs of the seeds differ in a setting",
    "train-time": "training seconds against the limit, calibration included",
    "eval-time": "evaluation seconds against the limit",
    "time": "a claimed duration that no line gives, or lines that contradict each other",
    "steps": "steps or tokens that the logs do not give",
    "scheme": "which evaluation gives the claimed figure, and what its lines call it",
    "coverage": "how much of the validation set was scored",
    "bytes-per-token": "loss and bpb do not belong to one text",
    "artifact": "whether the scored model is the submitted one",
    "data": "validation text in training, or training shards seen more than once",
    "legality": "what test-time training may use, as far as a log can show it",
    "claim": "another statement of submission.json against the logs",
    "text": "a figure in the README or the blurb that the logs do not give",
    "log": "a log that gives no figure, or gives one figure twice with two values",
    "significance": "the improvement over a reference by the challenge's rule",
}


class Place(NamedTuple):
    """Where a statement stands; the line is None for a whole file."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        """`train.log:12`."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Finding:
    """One finding; `kind` is one of KINDS."""

    severity: str
    kind: str
    text: str
    places: tuple[Place, ...] = ()

    def __post_init__(self) -> None:
        """An unknown severity or kind would be lost on the page: an AssertionError."""
        assert self.severity in SEVERITIES and self.kind in KINDS, (self.severity, self.kind)

    @property
    def order(self) -> tuple[int, str, tuple[str, ...]]:
        """Sort key of the page: severity, kind, place."""
        return SEVERITIES.index(self.severity), self.kind, tuple(map(str, self.places))


def error(kind: str, text: str, *places: Place | None) -> Finding:
    """What contradicts the logs or breaks a rule."""
    return made("error", kind, text, places)


def warning(kind: str, text: str, *places: Place | None) -> Finding:
    """What a reader must know before trusting a figure."""
    return made("warning", kind, text, places)


def not_stated(kind: str, text: str, *places: Place | None) -> Finding:
    """What no file of the folder says."""
    return made("not stated", kind, text, places)


def note(kind: str, text: str, *places: Place | None) -> Finding:
    """What is worth knowing, and no fault."""
    return made("note", kind, text, places)


def made(severity: str, kind: str, text: str, places: Iterable[Place | None]) -> Finding:
    """A finding with each of its places once; None is no place."""
    return Finding(severity, kind, text, tuple(dict.fromkeys(place for place in places if place is not None)))
