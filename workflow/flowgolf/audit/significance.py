"""An improvement over a reference by the challenge's rule: 0.005 nats, one-sided Welch test, p below 0.01."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import log, sqrt

from scipy import stats

from flowgolf.audit.case import Case
from flowgolf.audit.finding import Finding, error, not_stated, note, warning
from flowgolf.audit.number import Number
from flowgolf.audit.sample import Sample, sample_of
from flowgolf.study.claims import RECORD_NATS, RECORD_P

SAME_TOKENS = 0.001  # bytes a token of two folders that differ by less are of one tokenizer and text
LEAST_SCALE = 1e-100  # equal results have no spread: any difference is then beyond doubt
Values = tuple[float, ...]


@dataclass(frozen=True)
class Significance:
    """The test; improvements are positive when the folder is better, `unit` says of what."""

    reference: str
    unit: str
    conversion: str
    n: tuple[int, int]
    """Results of the folder and of the reference."""
    improvement: float
    required: float
    t: float
    df: float
    p: float
    """One-sided, of an improvement above `required`."""
    lower: float
    """One-sided 99 % bound of the improvement: above `required` exactly when p < 0.01."""
    interval: tuple[float, float]
    """Two-sided 95 %."""

    @property
    def passes(self) -> bool:
        """Whether an improvement above `required` is shown at p < 0.01."""
        return self.p < RECORD_P


def compare(case: Case, reference: Sample) -> tuple[Significance | None, list[Finding]]:
    """The test of a folder against a reference; findings about it, and about the test that submission.json claims."""
    own = sample_of(case)
    if own is None:
        return None, [not_stated("significance", "results over seeds that could be compared with the reference")]
    if len(own.bpb) < 2 and len(reference.bpb) < 2:
        return None, [not_stated("significance", "one result on each side: no spread, no test", *own.places)]
    found = tested(own, reference)
    return found, [sentence(found, own), *other_text(own, reference), *claimed_test(case, own, reference)]


def tested(own: Sample, reference: Sample) -> Significance:
    """The test in nats per token where logs or bytes a token allow it, else in bits per byte."""
    names = (own.name, reference.name)
    if own.nats and reference.nats and one_text(own, reference):
        return welch(names[1], own.nats, reference.nats, RECORD_NATS, "nats per token", "val_loss of the logs")
    density = own.bytes_per_token or reference.bytes_per_token
    if density is None:
        how = "bytes a token are not stated, so 0.005 nats cannot be converted: tested against no improvement"
        return welch(names[1], own.bpb, reference.bpb, 0.0, "bits per byte", how)
    factor = log(2) * density
    whose = "" if own.bytes_per_token else ", those of the reference"
    how = f"bits per byte times ln 2 times {density:.4f} bytes a token{whose}"
    ours, theirs = (tuple(value * factor for value in side) for side in (own.bpb, reference.bpb))
    return welch(names[1], ours, theirs, RECORD_NATS, "nats per token", how)


def one_text(own: Sample, reference: Sample) -> bool:
    """Whether both sides have the same bytes a token."""
    if own.bytes_per_token is None or reference.bytes_per_token is None:
        return False
    return abs(own.bytes_per_token / reference.bytes_per_token - 1) < SAME_TOKENS


def welch(reference: str, ours: Values, theirs: Values, required: float, unit: str, conversion: str) -> Significance:
    """Welch's test that the mean of `theirs` less that of `ours` is above `required`.

    A side with one value adds neither spread nor degrees of freedom: the test is then Student's, against a constant.
    """
    parts = [(len(side), float(stats.tvar(side)) / len(side)) for side in (ours, theirs) if len(side) > 1]
    variance = sum(part for _, part in parts)
    df = sum(n - 1 for n, _ in parts) if variance == 0 else variance**2 / sum(part**2 / (n - 1) for n, part in parts)
    improvement, scale = sum(theirs) / len(theirs) - sum(ours) / len(ours), sqrt(variance)
    t = (improvement - required) / max(scale, LEAST_SCALE)
    half = float(stats.t.ppf(0.975, df)) * scale
    return Significance(
        reference=reference,
        unit=unit,
        conversion=conversion,
        n=(len(ours), len(theirs)),
        improvement=improvement,
        required=required,
        t=t,
        df=df,
        p=float(stats.t.sf(t, df)),
        lower=improvement - float(stats.t.ppf(1 - RECORD_P, df)) * scale,
        interval=(improvement - half, improvement + half),
    )


def sentence(found: Significance, own: Sample) -> Finding:
    """The result of the test as a finding."""
    low, high = found.interval
    alone = ", the spread of the side with one value is not in it" if min(found.n) < 2 else ""
    text = (
        f"improvement over {found.reference} {found.improvement:.5f} {found.unit}, 95 % interval {low:.5f} to "
        f"{high:.5f}, one-sided 99 % bound {found.lower:.5f}; above {found.required}: p = {found.p:.2g} (one-sided "
        f"Welch, t = {found.t:.2f}, df = {found.df:.2f}, n = {found.n[0]} and {found.n[1]}{alone}; {found.conversion})"
    )
    if found.required == 0.0:
        return not_stated("significance", text, *own.places)
    if found.passes:
        return note("significance", f"shown: {text}", *own.places)
    return warning("significance", f"not shown: {text}", *own.places)


def other_text(own: Sample, reference: Sample) -> Iterator[Finding]:
    """Nats per token of two tokenizers are not one unit."""
    if own.bytes_per_token and reference.bytes_per_token and not one_text(own, reference):
        text = (
            f"another tokenizer or text than the reference's, {own.bytes_per_token:.4f} and "
            f"{reference.bytes_per_token:.4f} bytes a token: both sides' bits per byte were converted with the folder's"
        )
        yield note("significance", text)


def claimed_test(case: Case, own: Sample, reference: Sample) -> Iterator[Finding]:
    """A claimed t, degrees of freedom or difference against those of this reference."""
    if len(own.bpb) < 2 or len(reference.bpb) < 2:
        return
    pairs = [(own.bpb, reference.bpb)] + ([(own.nats, reference.nats)] if own.nats and reference.nats else [])
    plain = [welch("", ours, theirs, 0.0, "", "") for ours, theirs in pairs]
    for claim, number in case.claims.numbers():
        if claim.key in ("t_statistic", "welch_t", "welch_df"):
            right = [each.df if claim.key == "welch_df" else each.t for each in plain]
        elif claim.key.startswith("delta_") and ("bpb" in claim.key or "nats" in claim.key):
            right = [each.improvement for each in plain]
        else:
            continue
        if not any(agrees(number, value) for value in right):
            values = " or ".join(f"{value:.5f}" for value in right)
            yield error("significance", f"{claim.name} {number}: against this reference it is {values}", claim.place)
        elif claim.key in ("t_statistic", "welch_t"):
            text = f"{claim.name} {number} is against no improvement; the rule asks for one of {RECORD_NATS} nats"
            yield note("significance", text, claim.place)


def agrees(number: Number, value: float) -> bool:
    """Whether a claimed figure is this one, rounded or cut, whatever its sign says of better and worse."""
    return number.last_digit(Decimal(value)) or number.last_digit(Decimal(-value))
