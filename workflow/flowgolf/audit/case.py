"""Everything that the checks look at, gathered once."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from flowgolf.audit.claims import MAIN_BPB, MAIN_LOSS, NAME, Claim, Claims, read_claims
from flowgolf.audit.code import Code, read_code
from flowgolf.audit.evidence import Evidence, Seed, Support
from flowgolf.audit.finding import Finding, Place, error, not_stated, note, warning
from flowgolf.audit.folder import MOST_LOG_CHARACTERS, AuditError, Folder, open_folder
from flowgolf.audit.logs import Log
from flowgolf.audit.number import Number
from flowgolf.audit.reader import read_log

CAP_BYTES = 16_000_000
LIMIT_SECONDS = Decimal(600)
TRACKS = ("10min_16mb", "non_record_16mb")


@dataclass
class Case:
    """A folder under audit."""

    folder: Folder
    claims: Claims
    evidence: Evidence
    code: Code | None
    found: list[Finding] = field(default_factory=list)
    """What reading the files showed."""

    @cached_property
    def main(self) -> tuple[Claim, Number] | None:
        """The claimed bits per byte."""
        return self.claims.main(MAIN_BPB)

    @cached_property
    def main_loss(self) -> tuple[Claim, Number] | None:
        """The claimed nats per token."""
        return self.claims.main(MAIN_LOSS)

    @cached_property
    def support(self) -> Support | None:
        """What in the logs gives the claimed bits per byte; with no such claim, what gives the claimed loss."""
        if self.main is not None:
            return self.evidence.support(self.main[1], "bpb")
        if self.main_loss is None:
            return None
        claim = self.main_loss[1]
        return self.evidence.support(claim, "bpb") or self.evidence.support(claim, "loss")

    @property
    def logs(self) -> list[Log]:
        """All logs that say something."""
        return self.evidence.logs

    @cached_property
    def with_figure(self) -> list[Log]:
        """The logs that the claimed figure stands in."""
        files = {place.file for place in self.support.places} if self.support else set()
        return [log for log in self.logs if log.name in files]

    @cached_property
    def trained(self) -> dict[Seed, Log]:
        """The training log of each seed that counts: the one with the claimed figure where there are several."""
        with_figure = {log.name for log in self.with_figure}
        logs = {seed: [log for log in self.evidence.by_seed[seed] if log.trained] for seed in self.evidence.seeds}
        return {seed: min(own, key=lambda log: log.name not in with_figure) for seed, own in logs.items() if own}

    @cached_property
    def bearing(self) -> list[Log]:
        """The logs that the claim rests on: those with its figure, and the trainings; all, if none gives it."""
        if self.support is None:
            return self.logs
        return [log for log in self.logs if log in self.with_figure or log in self.trained.values()]

    @cached_property
    def unlogged(self) -> dict[Decimal, Place]:
        """Figures that are claimed of seeds without a log."""
        seeds = [seed for seed in self.claims.seeds if seed not in self.evidence.by_seed]
        return {number.value: number.place for seed in seeds for _, number in self.claims.numbers(seed)}

    @cached_property
    def track(self) -> str | None:
        """The track that submission.json or a folder above names."""
        claimed = self.claims.text("track")
        words = [str(claimed.value)] if claimed else [part for part in self.folder.root.parts if "track" in part]
        return next((track for word in words for track in TRACKS if track in word or word in track), None)

    @property
    def limited(self) -> bool:
        """Whether the limits of time hold: they do unless the track says otherwise."""
        return self.track != "non_record_16mb"


def gather(path: str) -> Case:
    """Read a folder. AuditError when it has neither a submission.json nor a log."""
    folder = open_folder(path)
    text = folder.text(NAME) if NAME in folder.files else None
    claims = read_claims(text)
    logs, found = read_logs(folder)
    if text is None and not logs:
        raise AuditError(f"{path}: neither submission.json nor a log with a figure in it")
    case = Case(folder, claims, Evidence(claims, logs), read_code(folder), claims.findings + found + listing(folder))
    if text is None:
        case.found.append(error("file", "there is no submission.json: only what the logs say is checked", Place(NAME)))
    if not logs:
        case.found.append(not_stated("log", "no log with a figure in it: no claim can be checked against one"))
    return case


def read_logs(folder: Folder) -> tuple[list[Log], list[Finding]]:
    """Logs of the folder itself, or of folders in it when it has none; copies and logs without a figure left out."""
    names = folder.named(".log", ".out", ".txt")
    top = [name for name in names if "/" not in name]
    logs, found = understood(folder, top)
    if not logs:
        logs, more = understood(folder, [name for name in names if "/" in name])
        found += more
    elif below := len([name for name in names if "/" in name and name.endswith(".log")]):
        found.append(note("log", f"{below} logs in folders below are not judged"))
    return logs, found


def understood(folder: Folder, names: list[str]) -> tuple[list[Log], list[Finding]]:
    """Logs that say something, and findings about the others."""
    logs: list[Log] = []
    found: list[Finding] = []
    for name in names:
        try:
            log = read_log(folder.path(name), name)
        except OSError as problem:
            found.append(warning("file", f"cannot be read ({problem.strerror})", Place(name)))
            continue
        twin = next((other for other in logs if other.digest == log.digest), None)
        if twin is not None:
            found.append(note("log", f"the same text as {twin.name}, counted once", Place(name)))
        elif not log.empty:
            logs.append(log)
        elif name.endswith(".log"):
            found.append(not_stated("log", "no score, step or size was understood in this log", Place(name)))
        if log.cut:
            found.append(warning("file", f"only the first {MOST_LOG_CHARACTERS:,} characters were read", Place(name)))
    return logs, found


def listing(folder: Folder) -> list[Finding]:
    """What the list of files shows: links out of the folder, pipes, too many files, what a submission must hold."""
    found = [
        warning("file", "a link that leads out of the folder or nowhere: not read", Place(n)) for n in folder.outside
    ]
    found += [warning("file", "neither a file nor a folder: not read", Place(name)) for name in folder.special]
    if folder.truncated:
        found.append(warning("file", f"more than {len(folder.files):,} files: the others were not looked at"))
    lacking = [name for name in ("README.md", "train_gpt.py") if name not in folder.files]
    if lacking:
        found.append(not_stated("file", f"the folder has no {' and no '.join(lacking)}, which a submission must hold"))
    return found
