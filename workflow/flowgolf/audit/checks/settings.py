"""One code and one set of settings for all seeds: the logs against each other, and against the script."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from flowgolf.audit.case import Case
from flowgolf.audit.code import Code
from flowgolf.audit.finding import Finding, Place, error, note, warning
from flowgolf.audit.folder import Lines
from flowgolf.audit.logs import Log, Text
from flowgolf.audit.words import joined

OF_ONE_RUN = ("seed", "run_id", "logfile", "log_file", "rank", "local_rank", "data_seed", "master_port", "wandb_run_id")
RUN_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MOST_NAMED = 8
MANY_CODE_LINES = 20
MOST_LOG_LINES = 200_000


def check(case: Case) -> Iterator[Finding]:
    """All findings about settings and code."""
    yield from differing(case)
    yield from environment(case)
    if case.code is not None:
        yield from listed(case, case.code)
        yield from changed_defaults(case, case.code)
        yield from wrapped(case.code)


def differing(case: Case) -> Iterator[Finding]:
    """Settings that are not the same in the training log of every seed."""
    logs = list(case.trained.values())
    if len(logs) < 2:
        return
    keys = dict.fromkeys(key for log in logs for key in log.settings)
    differ = [key for key in keys if key.lower() not in OF_ONE_RUN and differs(logs, key)]
    for key in differ[:MOST_NAMED]:
        having = [log for log in logs if key in log.settings]
        texts = "; ".join(
            f"{log.name}: {log.settings[key].text if key in log.settings else 'not there'}" for log in logs
        )
        yield error(
            "settings", f"{key} is not the same for all seeds: {texts}", *(log.settings[key].place for log in having)
        )
    if len(differ) > MOST_NAMED:
        yield error(
            "settings", f"{len(differ) - MOST_NAMED} further settings differ: {joined(differ[MOST_NAMED:])}"[:500]
        )


def differs(logs: list[Log], key: str) -> bool:
    """Whether a setting is not the same in all logs, leaving aside what belongs to one run."""
    texts = [log.settings[key].text if key in log.settings else None for log in logs]
    return len(set(texts)) > 1 and len({value(log, key) for log in logs}) > 1


def value(log: Log, key: str) -> str | None:
    """A setting without what belongs to one run: its seed in a name, the run's name, and the folder that it ran in."""
    setting = log.settings.get(key)
    if setting is None:
        return None
    text = RUN_NAME.sub("*", setting.text)
    if "/" in text:
        text = text.rstrip("/").rpartition("/")[2]
    if log.seed is not None and re.search(r"[A-Za-z]", text):
        text = re.sub(rf"(?<!\d){log.seed.value}(?!\d)", "*", text)
    return text


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        Decimal(text)
    except InvalidOperation:
        return False
    return True


def environment(case: Case) -> Iterator[Finding]:
    """Versions and devices that differ between logs."""
    for name, found in (
        ("PyTorch", {log.torch.text: log.torch.place for log in case.bearing if log.torch}),
        ("the device", {", ".join(sorted(log.gpus)): log.gpu_place for log in case.bearing if log.gpus}),
    ):
        if len(found) > 1:
            yield warning("settings", f"{name} is not the same in all logs: {joined(found)}", *found.values())


def listed(case: Case, code: Code) -> Iterator[Finding]:
    """The script against the listing of the code that a log printed."""
    wanted = [(number, text) for number, text in enumerate(code.text.splitlines(), 1) if text.strip()]
    for log in case.bearing:
        if log.code_lines < MANY_CODE_LINES or not wanted:
            continue
        printed = log_lines(case, log)
        lacking = [number for number, text in wanted if text.rstrip()[:1000] not in printed]
        if lacking:
            yield warning(
                "code",
                f"{len(lacking)} of {len(wanted)} lines of {code.name} are not in the listing that {log.name} printed: "
                "it is not the code that ran",
                Place(code.name, lacking[0]),
                Place(log.name),
            )


def log_lines(case: Case, log: Log) -> set[str]:
    """The first lines of a log, without blanks at their end; a listing stands at the top."""
    found = set()
    for number, text in Lines(case.folder.path(log.name)):
        if number > MOST_LOG_LINES:
            break
        found.add(text.rstrip()[:1000])
    return found


def changed_defaults(case: Case, code: Code) -> Iterator[Finding]:
    """Settings of the runs that are not the defaults of the script, unless the README says how to set them."""
    logs = list(case.trained.values()) or case.logs
    defaults = code.defaults()
    if not logs or not defaults:
        return
    text = case.folder.text("README.md") if "README.md" in case.folder.files else ""
    changed = {
        key: setting
        for key, setting in logs[0].settings.items()
        if key.lower() in defaults and key.lower() not in OF_ONE_RUN and not equal(setting.text, defaults[key.lower()])
    }
    silent = {key: each for key, each in changed.items() if not re.search(rf"\b{key.upper()}=", text)}
    if silent:
        first = list(silent.items())[:MOST_NAMED]
        named = joined(f"{key} {each.text} (default {defaults[key.lower()]})" for key, each in first)
        yield note(
            "code-settings",
            f"{logs[0].name} ran with {len(silent)} settings that are not the script's defaults, and no README says so"
            f": {named}",
            *(each.place for _, each in first),
        )


def equal(printed: str, default: str) -> bool:
    """Whether a printed setting is a default: numbers by value, yes and no as 1 and 0, paths by their last part."""
    names = {"true": "1", "false": "0"}
    texts = [names.get(text.lower(), text).replace("_", "") if is_plain(text) else text for text in (printed, default)]
    try:
        return Decimal(texts[0]) == Decimal(texts[1])
    except InvalidOperation:
        return texts[0].rstrip("/").rpartition("/")[2] == texts[1].rstrip("/").rpartition("/")[2]


def is_plain(text: str) -> bool:
    """Whether a text is a number or a yes or no."""
    return text.lower() in ("true", "false") or is_number(text.replace("_", ""))


def wrapped(code: Code) -> Iterator[Finding]:
    """What the script is wrapped in."""
    for depth, layer in enumerate(code.layers, 1):
        inner = f"{len(layer.text.encode()):,} bytes"
        place = Place(code.name)
        if layer.cut:
            yield warning(
                "code", f"layer {depth} ({layer.packing}) unpacks to more than {inner}: read no further", place
            )
        else:
            yield note("code", f"{code.size:,} bytes hold {inner} of source ({layer.packing}); read, not run", place)


def setting(case: Case, *keys: str) -> Text | None:
    """A setting of the first training log that has one of these keys, else of any log."""
    for log in [*case.trained.values(), *case.logs]:
        for key in keys:
            if key in log.settings:
                return log.settings[key]
    return None
