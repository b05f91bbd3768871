"""The verdict on each claim of a study, a function of its records alone: every look, and the first that decided."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from flowgolf.report.results import bounds
from flowgolf.report.results.basis import GAIN, unlike
from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import KEPT, NAMES, figures
from flowgolf.study.claims import ClaimSettings

COLUMNS = {"sliding": "sliding_bpb", "legal_ttt": "legal_ttt_bpb", "ttt_gain": GAIN}
UNDECIDED = "undecided"
SMALLER = "smaller than matters"


@dataclass(frozen=True)
class Look:
    """One look at a claim: its seeds, and what could be said; `arm` - other in the claim's unit."""

    n: int
    estimate: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Judged:
    """A claim with every look at it."""

    name: str
    claim: ClaimSettings
    looks: tuple[Look, ...]
    seeds: int
    """Seeds that its arms have been given so far."""
    reason: str = ""
    """Why there is nothing to look at; empty if there is."""

    @property
    def last(self) -> Look | None:
        """The look that decided, or the last of those that did not; None before the first."""
        deciding = (look for look in self.looks if look.verdict != UNDECIDED)
        return next(deciding, self.looks[-1] if self.looks else None)

    @property
    def decided(self) -> bool:
        """Whether a look has decided it."""
        return self.last is not None and self.last.verdict != UNDECIDED


@lru_cache(KEPT)
def judged_claims(results: Results) -> tuple[Judged, ...]:
    """Every claim of the study, in the order of its declaration."""
    declared = results.manifest.get("claims", {})
    return tuple(judge(results, name, ClaimSettings(**each)) for name, each in declared.items())


def judge(results: Results, name: str, claim: ClaimSettings) -> Judged:
    """Look at a claim at each number of seeds that the study's rule has looked at, the seeds in the declared order."""
    declared = min((results.seeds(arm) for arm in claim.arms), key=len)
    metric = COLUMNS[claim.value]
    if claim.against and (apart := unlike(results, claim.arm, claim.against, metric, declared)):
        return Judged(name, claim, (), len(declared), f"not comparable: {apart}")
    values = [figures(results, arm, metric, declared) * scale(results, claim) for arm in claim.arms]
    present = known_from_the_start(values, declared)
    rule = results.manifest.get("seed_rule")
    sizes = range(rule["start"], present + 1) if rule else [len(declared)] * (present == len(declared))
    looks = tuple(look(claim, [each[declared[:n]].to_numpy() for each in values]) for n in sizes)
    return Judged(name, claim, looks, len(declared), "" if looks else "pending")


def known_from_the_start(values: list[pd.Series], declared: list[int]) -> int:
    """How many of the declared seeds, from the first on, have all values."""
    known = set.intersection(*(set(map(int, each.index)) for each in values))
    return next((index for index, seed in enumerate(declared) if seed not in known), len(declared))


def scale(results: Results, claim: ClaimSettings) -> float:
    """What bits per byte are multiplied by for the claim's unit: nats per token are ln 2 times the bytes per token."""
    if claim.unit == "bpb":
        return 1.0
    stage = "legal_ttt" if claim.value == "ttt_gain" else claim.value
    return math.log(2) * float(results.first(claim.arm, f"{stage}_bytes_per_token"))


def look(claim: ClaimSettings, values: list[Any]) -> Look:
    """Bounds and verdict from the values of the arms by seed, in the claim's unit."""
    if claim.test == "welch":
        found = bounds.welch(values[0], values[1], claim.error_rate)
    else:
        differences = values[0] - (values[1] if claim.bar is None else claim.bar)
        if claim.test == "anytime":
            found = bounds.anytime(differences, claim.error_rate)
        else:
            found = bounds.one_sample(differences, claim.error_rate, claim.sigma)
    return Look(len(values[0]), *found, verdict(claim, *found[1:]))


def verdict(claim: ClaimSettings, low: float, high: float) -> str:
    """What bounds of arm - other say of a claim."""
    least, most = (-high, -low) if claim.direction == "lower" else (low, high)
    if least > (claim.smallest if claim.at_least else 0):
        return "supported"
    if most < 0:
        return "refuted"
    return SMALLER if most < claim.smallest else UNDECIDED


def wanted_seeds(judged: Iterable[Judged], most: int) -> dict[str, int]:
    """Seeds that the arms of claims should have next: one more where a claim is undecided after all it was given."""
    wanted: dict[str, int] = {}
    for each in judged:
        for arm in each.claim.arms:
            wanted[arm] = max(wanted.get(arm, 0), wanted_by(each, most))
    return wanted


def wanted_by(judged: Judged, most: int) -> int:
    """Seeds that one claim asks for: those that decided it; one more once all have been looked at in vain."""
    if judged.last is None or (judged.last.n < judged.seeds and not judged.decided):
        return judged.seeds
    return judged.last.n if judged.decided else min(judged.seeds + 1, most)


def record_of(results: Results) -> dict[str, Any]:
    """What the next launch reads and a person may: every look at every claim, and the seeds that arms should have."""
    judged = judged_claims(results)
    rule = results.manifest.get("seed_rule")
    wanted = wanted_seeds(judged, rule["most"]) if rule else {}
    return {
        "claims": {each.name: [finite(each_look) for each_look in each.looks] for each in judged},
        "undecided": [each.name for each in judged if not each.decided],
        "seeds": wanted,
        "next": {arm: count for arm, count in wanted.items() if count > len(results.seeds(arm))},
    }


def finite(look: Look) -> dict[str, Any]:
    """A look as JSON values: bounds that there are not yet are null."""
    unknown = {key for key in ("estimate", "low", "high") if not math.isfinite(getattr(look, key))}
    return {key: None if key in unknown else each for key, each in vars(look).items()}


def in_words(claim: Mapping[str, Any] | ClaimSettings) -> str:
    """A claim as a sentence without its verdict: `nfm lower than base by legal TTT, by more than 0.005 nats`."""
    claim = claim if isinstance(claim, ClaimSettings) else ClaimSettings(**claim)
    other = claim.against or f"{claim.bar:g}"
    more = f", by more than {claim.smallest:g} {claim.unit}" if claim.at_least else ""
    return f"{claim.arm} {claim.direction} than {other} by {NAMES[COLUMNS[claim.value]]}{more}"
