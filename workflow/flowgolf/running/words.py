"""What Snakemake prints for a person: what our jobs have said themselves is not said again.

A filter of Snakemake's own logger, so that the terminal and its log file hold the same.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCRIPT_FAILED = re.compile(r"RuleException:\s+CalledProcessError .* returned non-zero exit status (\d+)", re.DOTALL)
SAID = 1
"""Exit status of a job that has told its sentence; a job that was killed has another one."""
LOCKED = "Error: Directory cannot be locked"
INTERRUPTED = "Terminating processes on user request"
INCOMPLETE = "At least one job did not complete successfully"
NO_BACKUP = re.compile(r"Cannot restore .*: no backup found")
PLACE = r'ile "[^"]*", line \d+'
IN_SNAKEFILE = re.compile(rf"WorkflowError in f{PLACE}:\n(.*?)(\n  F{PLACE}, in .*)*", re.DOTALL)
IN_FUNCTION = re.compile(r"InputFunctionException in .*?Error:\n\s*WorkflowError:\n\s*(.*?)\nWildcards:", re.DOTALL)
"""Errors that a Snakefile raises: the sentence is ours, the line that raised it helps nobody."""
NO_RULE = re.compile(r"MissingRuleException:\nNo rule to produce (.*) \(if you use input functions")
LOG_TAIL_BYTES = 4096


class Words(logging.Filter):
    """Leaves out, or puts in fewer words, what Snakemake says of failed jobs, of Ctrl-C and of its lock."""

    def __init__(self, nearest_target: Callable[[str], str]) -> None:
        """`nearest_target` gives the target most like one that nothing makes."""
        super().__init__()
        self.nearest_target = nearest_target
        self.interrupted = False
        """Whether Ctrl-C has ended this launch."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is printed; the text of some is replaced."""
        text = record.getMessage()
        if failed := SCRIPT_FAILED.match(text):
            record.msg, record.args = f"a job was killed (exit status {failed[1]})", ()
            return int(failed[1]) != SAID
        if NO_BACKUP.match(text):
            return False
        if raised := IN_SNAKEFILE.fullmatch(text) or IN_FUNCTION.match(text):
            record.msg, record.args = raised[1], ()
        if unknown := NO_RULE.match(text):
            record.msg = f"no target '{unknown[1]}'; did you mean {self.nearest_target(unknown[1])}?"
        if INTERRUPTED in text:
            self.interrupted = True
            record.msg = "stopping: jobs save what they have, which takes a moment"
        if LOCKED in text:
            record.msg = (
                f"{Path.cwd()} is locked: another Snakemake works on the same files there, or was killed before it "
                "could remove its lock. If none runs any more: snakemake --unlock"
            )
        if INCOMPLETE in text and self.interrupted:
            record.msg = "stopped; the same command goes on from what is saved"
        return not told(record)


def told(record: logging.LogRecord) -> bool:
    """Whether a record is the notice of a failed job that has told its own sentence in its log."""
    facts: dict[str, Any] = record.__dict__
    if facts.get("aux") != {}:  # only the notice of a failure has it; it holds something where the job ran elsewhere
        return False
    return any(" failed: " in tail(Path(log)) for log in facts["log"])


def tail(path: Path) -> str:
    """The end of a log; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
