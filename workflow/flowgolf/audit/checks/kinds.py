"""What a claim of submission.json is about, told by the words of its key."""

import re
from decimal import Decimal

from flowgolf.audit.claims import Claim

SPREAD = {"std", "sd", "stdev", "stddev"}
STATISTICS = {"mean", "avg", "average", *SPREAD}
COMPARED = {
    "base", "baseline", "prev", "previous", "prior", "sota", "target", "threshold", "ref", "reference", "gap", "bar",
    "cap", "limit", "budget", "headroom", "cost", "reduction", "diff", "difference", "penalty", "effect", "welch", "pr",
    "gain", "vs", "margin", "required", "statistic", "beats",
}  # fmt: skip
"""Words of figures that compare with somebody else's: the logs of this folder cannot give them."""
UNITS = {"ms": Decimal("0.001"), "hours": Decimal(3600), "minutes": Decimal(60)}
SCALES = {"billions": Decimal(10**9), "millions": Decimal(10**6)}
KINDS = (
    ("ratio", {"per"}),
    ("bpb", {"bpb"}),
    ("bytes", {"bytes"}),
    ("seconds", {"seconds", "secs", "s", "ms", "hours", "minutes", "time", "wallclock"}),
    ("tokens", {"tokens"}),
    ("steps", {"steps", "step"}),
)


def words(key: str) -> set[str]:
    """The words of a key."""
    return {word for word in re.split(r"[^a-z0-9]+", key.lower()) if word}


def base(key: str) -> frozenset[str]:
    """The words of a key but for those of statistics over seeds: `val_bpb_3seed_std` is about `val` and `bpb`."""
    return frozenset(word for word in words(key) - STATISTICS if not re.fullmatch(r"\d*seeds?", word))


def kind(claim: Claim) -> str:
    """`sd`, a kind of KINDS, `compared` for what the folder's logs cannot give, or `other`."""
    inner, outer = words(claim.key), words(" ".join(claim.keys))
    if outer & COMPARED or any(word.startswith(("improv", "delta")) for word in outer):
        return "compared"
    if inner & SPREAD:
        return "sd"
    if "ms" in inner and "per" in inner:
        return "seconds"
    if {"val", "loss"} <= inner or "nats" in inner:
        return "loss"
    return next((name for name, wanted in KINDS if inner & wanted), "other")


def unit(key: str) -> Decimal:
    """Seconds in the unit that a key of a duration names."""
    return next((UNITS[word] for word in sorted(words(key)) if word in UNITS), Decimal(1))


def scale(key: str) -> Decimal:
    """How many the unit of a key counts: `billions`."""
    return next((SCALES[word] for word in sorted(words(key)) if word in SCALES), Decimal(1))
