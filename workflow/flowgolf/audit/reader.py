"""Reads a log in one pass: each line is asked for the facts that it may hold."""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from flowgolf.audit.finding import Place
from flowgolf.audit.folder import Lines
from flowgolf.audit.lines import MOST_CHARACTERS, SECONDS, Line, parse_line, plain, step_of
from flowgolf.audit.logs import AFTER_TTT, DURING_TRAINING, Log, Score, Size, Text
from flowgolf.audit.number import Number, parse

MOST_FACTS = 5_000
MOST_DECIMALS = 100_000
MOST_SEED_DIGITS = 10
MOST_SETTING_CHARACTERS = 200
DECIMAL = re.compile(r"(?<![\d.])\d{1,9}\.\d{3,20}(?![\d.])")
BLOCK = re.compile(r"(?i)^\s*(?:hyper-?parameters|hparams|config(?:uration)?|args|arguments|settings)\s*:?\s*$")
IN_BLOCK = re.compile(r"^\s+([A-Za-z_]\w*)\s*[:=]\s*(.*)$")
TOKEN = re.compile(r"([A-Za-z_][\w.+/-]*)[:=](\[[^\]]*\]|\{[^}]*\}|\S*)")
ONE = re.compile(r"([A-Za-z_]\w*):\s+([\w./~+-]\S*)")
STARTS = re.compile(r"(?i)\w*(?:ttt|eval|slot)\w*:start\b|\w*eval_mode\b")
ENVIRONMENT = re.compile(r"#\s*env:(\w+)=(.*)")
DICTIONARY = re.compile(r"(model|train|export|evaluate|settings)\s+(\{.*\})$")
SEED = re.compile(r"(?i)(?:^|[\s_])seed\s*[:=]\s*(\d{1,10})\b")
SIZES = {
    "model": re.compile(
        r"(?i)^(?:serialized|compressed|quantized)\s+model\b(?P<label>[^:]{0,60}):\s*(?P<n>[\d,]+)\s*bytes"
    ),
    "code": re.compile(r"(?i)^code size(?P<label>[^:]{0,60})[:=]\s*(?P<n>[\d,]+)"),
    "total": re.compile(r"(?i)^total (?:submission|artifact) size(?P<label>[^:]{0,60}):\s*(?P<n>[\d,]+)\s*bytes"),
}
SIZE_KEYS = {
    "model": ("bytes_weights", "bytes_model", "model_bytes", "artifact_bytes"),
    "code": ("bytes_code", "code_bytes"),
    "total": ("bytes_total", "total_bytes", "total_submission_bytes"),
}
COUNTS = {
    "val_tokens", "train_shards", "scored_tokens", "scored_bytes",
    "positions", "positions_scored", "most_times_scored", "least_distance_to_frontier",
}  # fmt: skip
CALIBRATION = re.compile(
    r"(?i)^.{0,20}?\b\w{0,20}(?:gptq|hessian|calib)\w{0,20}\b.{0,200}?\bin (\d[\d.]{0,12})\s?s(?:ec(?:onds)?)?\b"
)
RELOADED = re.compile(r"(?i)\beval_only\b|\bskipping training\b|\bload(?:ing|ed) checkpoint\b")
GPU = re.compile(r"\|\s+\d+\s+(NVIDIA [A-Za-z0-9 -]*?[A-Za-z0-9])\s+(?:On|Off)\s+\|")
TORCH = re.compile(r"(?i)(?:running pytorch|torch(?: version)?[:= ])\s*v?(\d+\.\d+\S*)")
EPOCH = re.compile(r"(?i)starting epoch[:= ]\s*(\d+)")


class Reader:
    """Fills a Log line by line; a comment of a source listing is no fact."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.in_block = False
        self.indented = False
        """Whether the line is indented as code is: it sets nothing then."""
        self.training_began = False
        self.waiting: tuple[str, Place] | None = None
        """A line of training that was not read yet."""

    def line(self, raw: str, place: Place) -> None:
        """Take one line."""
        if self.in_block and self.block(raw, place):
            return
        text = plain(raw)
        self.indented = raw.startswith(("    ", "\t"))
        if len(self.log.decimals) < MOST_DECIMALS:
            for decimal in DECIMAL.findall(text):
                self.log.decimals.setdefault(decimal, place.line or 0)
        if text.startswith("#"):
            self.environment(text, place)
        elif BLOCK.match(text):
            self.in_block = True
        elif ":" in text or "=" in text or " in " in text or "bpb" in text.lower():
            self.fact(text, place)
        if raw.startswith(("import ", "from ", "def ", "class ", "    return ")):
            self.log.code_lines += 1
        if "NVIDIA" in raw:
            self.gpu(raw, place)
        if self.log.torch is None and "orch" in raw and (match := TORCH.search(raw[:MOST_CHARACTERS])):
            self.log.torch = Text(match[1], place)

    def block(self, raw: str, place: Place) -> bool:
        """A line of a list of settings; False where the list ends."""
        match = IN_BLOCK.match(raw[:MOST_CHARACTERS])
        self.in_block = match is not None
        if match:
            self.set(match[1], match[2].strip(), place)
        return match is not None

    def environment(self, text: str, place: Place) -> None:
        """`# env:SEED=42` at the top of a log."""
        if match := ENVIRONMENT.match(text[:MOST_CHARACTERS]):
            self.set(match[1].lower(), match[2].strip(), place)

    def set(self, key: str, value: str, place: Place) -> None:
        """Keep a setting; the last value counts, because a listing of the code may stand before the real ones."""
        if key == "seed" and value.isdigit():
            self.log.seed = parse(value[:MOST_SEED_DIGITS], place)
        if len(self.log.settings) < MOST_FACTS:
            self.log.settings[key] = Text(value[:MOST_SETTING_CHARACTERS], place)

    def gpu(self, raw: str, place: Place) -> None:
        """A line of nvidia-smi."""
        if match := GPU.search(raw[:MOST_CHARACTERS]):
            self.log.gpus[match[1]] = self.log.gpus.get(match[1], 0) + 1
            self.log.gpu_place = self.log.gpu_place or place

    def fact(self, text: str, place: Place) -> None:
        """A line that may hold figures."""
        step = step_of(text)
        if step is not None:
            self.step(text, place, *step)
            return
        self.flush()
        line = parse_line(text, place)
        if keys := line.bpb_keys():
            self.score(line, keys)
        elif text.lower().startswith(("stopping_early", "training time", "stopped")):
            self.stopped(line)
        else:
            self.other(line, text, place)
        self.bad(line, place)

    def step(self, text: str, place: Place, step: int, planned: int | None) -> None:
        """A step: of those that only say how training goes, the last is read, when another line follows."""
        self.training_began = True
        log = self.log
        if log.step is not None and step < log.step.value and planned:
            log.backwards = log.backwards or place
        log.step, log.planned = Number(Decimal(step), Decimal(0), place), planned
        self.waiting = text, place
        if "val" in text or "bpb" in text or "nan" in text or "inf" in text:
            self.flush()

    def flush(self) -> None:
        """Read the step that waits: the time so far, and the validation score where there is one."""
        if self.waiting is None:
            return
        text, place = self.waiting
        self.waiting = None
        line, log = parse_line(text, place), self.log
        log.train_seconds = line.seconds("train_time", "seconds", "elapsed") or log.train_seconds
        log.step_ms = line.pairs.get("step_avg", log.step_ms)
        for score in scores(line, line.bpb_keys()):
            if len(log.validations) < MOST_FACTS:
                log.validations.append(replace(score, label=DURING_TRAINING))
        self.bad(line, place)

    def stopped(self, line: Line) -> None:
        """`stopping_early: wallclock_cap train_time:600037ms step:6709/20000`."""
        self.log.train_seconds = line.seconds("train_time", "training time", "time") or self.log.train_seconds
        self.log.step = line.pairs.get("step", self.log.step)

    def score(self, line: Line, keys: list[str]) -> None:
        """A result, or a figure under way."""
        for score in scores(line, keys):
            if line.progress:
                self.log.progress = score
            elif len(self.log.scores) < MOST_FACTS:
                self.log.scores.append(score)
        self.count(line, {"tokens": "scored_tokens", "bytes": "scored_bytes"})

    def count(self, line: Line, names: dict[str, str]) -> None:
        """Counts that stand on a line, some under another name."""
        for key, number in line.pairs.items():
            if (name := names.get(key, key)) in COUNTS and not line.progress:
                self.log.counts[name] = number

    def other(self, line: Line, text: str, place: Place) -> None:
        """Sizes, seconds, seeds, settings."""
        log = self.log
        self.size(line, text, place)
        if match := CALIBRATION.match(text[:MOST_CHARACTERS]):
            log.calibration += [each] if (each := parse(match[1].rstrip("."), place)) else []
        if RELOADED.search(text):
            log.reloaded = log.reloaded or place
        if (match := EPOCH.search(text)) and (epoch := parse(match[1], place)):
            log.epoch = epoch
        if "total_eval_time" in line.pairs:
            log.eval_seconds = line.seconds("total_eval_time")
        if text.startswith("train ") and "parameters" in line.pairs:
            self.set("parameters", f"{line.pairs['parameters'].value:f}", place)
        if log.seed is None and (match := SEED.search(text)):
            log.seed = parse(match[1], place)
        self.count(line, {"tokens": "val_tokens"} if text.startswith("val_loader") else {})
        if not self.indented and not text.endswith((",", "(", "[", "{", ")")) or DICTIONARY.match(text):
            for key, value in settings(text, self.training_began):
                self.set(key, value, place)

    def size(self, line: Line, text: str, place: Place) -> None:
        """Bytes of model, code and both."""
        for kind, pattern in SIZES.items():
            if (match := pattern.match(text)) and (number := parse(match["n"], place)):
                self.add_size(kind, match["label"].strip(" ()").lower(), number)
        for kind, keys in SIZE_KEYS.items():
            for key in keys:
                if key in line.pairs and "bytes_code" in line.pairs:
                    self.add_size(kind, "", line.pairs[key])

    def add_size(self, kind: str, label: str, number: Number) -> None:
        """Keep a size."""
        if len(self.log.sizes[kind]) < MOST_FACTS:
            self.log.sizes[kind].append(Size(label, number))

    def bad(self, line: Line, place: Place) -> None:
        """Losses that are NaN or infinite."""
        for key in line.bad:
            if ("loss" in key or "bpb" in key) and len(self.log.not_numbers) < MOST_FACTS:
                self.log.not_numbers.append(Text(key, place))


def scores(line: Line, keys: list[str]) -> Iterator[Score]:
    """The scores of a line; each of several bpb is labelled by its key."""
    for key in keys:
        label = line.label if len(keys) == 1 else f"{line.label} {key}".strip()
        loss = line.loss() if len(keys) == 1 else None
        seconds = line.seconds(*SECONDS) if len(keys) == 1 else None
        yield Score(label, line.pairs[key], loss, seconds, line.pairs.get("stride", line.pairs.get("eval_stride")))


def settings(text: str, training_began: bool) -> Iterator[tuple[str, str]]:
    """Settings on a line that holds nothing but settings; once training has begun, only lines that start something."""
    if match := DICTIONARY.match(text):
        yield from dictionary(match[1], match[2])
    elif len(text) > MOST_CHARACTERS // 2 or (training_began and not STARTS.match(text)):
        return
    elif (match := ONE.fullmatch(text)) and not re.fullmatch(r"\d+/\d+", match[2]):
        yield match[1], match[2]
    else:
        head, tokens = "", list(TOKEN.finditer(text))
        rest = TOKEN.sub("", text).split()
        if tokens and not rest and not re.search(r"\bwarmup_step:\d+/", text):
            if tokens[0][2] in ("", "start"):
                head = f"{tokens.pop(0)[1]}."
            yield from ((head + token[1], token[2]) for token in tokens)


def dictionary(name: str, text: str) -> Iterator[tuple[str, str]]:
    """`model {'dim': 32, 'bigram': {'dim': 16}}` as model.dim and model.bigram.dim."""
    try:
        content = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return
    pending = [(name, content)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{key}.{inner}", each) for inner, each in value.items()]
        else:
            yield key, str(value)


def adapted(score: Score, scores: list[Score]) -> Score:
    """A score under the label `... after TTT` if it is the figure of a line that names test-time training.

    Some scripts print the adapted figure under the name of the plain evaluation.
    """
    if "ttt" in score.label or not any("ttt" in other.label and twins(score, other) for other in scores):
        return score
    return replace(score, label=f"{score.label} {AFTER_TTT}")


def twins(score: Score, other: Score) -> bool:
    """Whether two lines print one figure."""
    return score.bpb.agrees(other.bpb.value) or other.bpb.agrees(score.bpb.value)


def read_log(path: Path, name: str) -> Log:
    """Read a log in one pass."""
    reader = Reader(Log(name))
    digest = hashlib.sha256()
    lines = Lines(path)
    for number, raw in lines:
        digest.update(raw.encode("utf-8", "replace") + b"\n")
        reader.line(raw, Place(name, number))
    reader.flush()
    reader.log.digest, reader.log.cut = digest.hexdigest(), lines.cut
    reader.log.scores = [adapted(score, reader.log.scores) for score in reader.log.scores]
    return reader.log
