"""What the logs say of the claimed figure, a row for each thing that a reader asks; `not stated` where they do not."""

from collections.abc import Iterator, Sequence

from flowgolf.audit.case import Case
from flowgolf.audit.checks.settings import setting
from flowgolf.audit.checks.validation import bytes_per_token, tokens_of
from flowgolf.audit.finding import Place
from flowgolf.audit.logs import Text
from flowgolf.audit.number import Number, shown
from flowgolf.audit.words import joined

Row = tuple[str, str, tuple[Place, ...]]
NOT_STATED = "not stated"
SETTINGS = (
    ("stride", ("eval_stride", "stride", "ttt_sliding.stride", "legal_ttt.stride")),
    ("window", ("eval_seq_len", "ttt_eval_seq_len")),
    ("tokens a step", ("train_batch_tokens", "train.batch_tokens")),
    ("training length", ("train_seq_len", "model.seq_len")),
    ("parameters", ("model_params", "parameters")),
    ("processes", ("world_size", "train.devices")),
    ("training shards", ("train_shards",)),
)


def rows(case: Case) -> Iterator[Row]:
    """The rows of the table; none when the logs do not give the figure."""
    support = case.support
    if support is None:
        return
    logs = case.with_figure
    yield "label in the logs", support.label, support.places
    yield "bits per byte", joined(str(number) for number in support.numbers), support.places
    losses = [score.loss for score in support.scores.values() if score.loss]
    yield numbers("nats per token", losses)
    yield numbers("validation tokens", once([tokens for log in logs if (tokens := tokens_of(log))]))
    density = next((found for log in logs if (found := bytes_per_token(log))), None)
    yield "bytes a token", shown(density[0]) if density else NOT_STATED, (density[1].place,) if density else ()
    for name, keys in SETTINGS:
        yield text(name, stride_on_line(case) if name == "stride" else None, setting(case, *keys))
    yield from adaptation(case, support.label)
    names = {name: log.gpu_place for log in case.bearing for name in log.gpus}
    yield "device", joined(names) or NOT_STATED, tuple(place for place in names.values() if place)
    yield text("PyTorch", None, next((log.torch for log in case.bearing if log.torch), None))


def numbers(name: str, found: Sequence[Number]) -> Row:
    """A row of printed numbers."""
    return name, joined(str(number) for number in found) or NOT_STATED, tuple(number.place for number in found)


def once(found: Sequence[Number]) -> list[Number]:
    """Numbers of different values."""
    return list({number.value: number for number in reversed(found)}.values())


def text(name: str, number: Number | None, found: Text | None) -> Row:
    """A row of a number on the line itself, else of a setting."""
    if number is not None:
        return name, str(number), (number.place,)
    return (name, found.text, (found.place,)) if found else (name, NOT_STATED, ())


def stride_on_line(case: Case) -> Number | None:
    """The stride that stands on the line of the result."""
    label = case.support.label if case.support else ""
    return next((s.stride for log in case.bearing for s in log.scores if s.label == label and s.stride), None)


def adaptation(case: Case, label: str) -> Iterator[Row]:
    """Settings of test-time training, where the figure is after it."""
    if "ttt" not in label.lower():
        return
    found: dict[str, Text] = {}
    for log in case.with_figure:
        for key, value in log.settings.items():
            if "ttt" in key and not key.endswith("_enabled") and not key.startswith(("model.", "train.")):
                found.setdefault(key.rpartition(".")[2], value)
    said = joined(f"{key} {value.text}" for key, value in found.items())
    yield "test-time training", said or NOT_STATED, tuple(value.place for value in list(found.values())[:1])
