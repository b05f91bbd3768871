"""What submission.json claims: figures of the whole submission and of single seeds, under whatever keys people use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flowgolf.audit.finding import Finding, Place, warning
from flowgolf.audit.json_text import Document, Keys, Value, read
from flowgolf.audit.number import Number

NAME = "submission.json"
MAIN_BPB = ("val_bpb", "mean_val_bpb", "val_bpb_mean", "avg_val_bpb", "final_val_bpb", "val_bpb_3seed_mean", "bpb")
MAIN_LOSS = ("val_loss", "mean_val_loss", "val_loss_mean", "avg_val_loss", "final_val_loss")
SEED = re.compile(r"(?i)^(?:seed|s)?[_ -]?(\d{1,10})$")
SEED_LISTS = ("seeds", "seeds_completed", "seed_list")


@dataclass(frozen=True)
class Claim:
    """One value of submission.json; `seed` is None for what is claimed of the whole submission."""

    keys: Keys
    """Path of keys, without the part that named the seed."""
    seed: int | None
    value: Value
    place: Place

    @property
    def key(self) -> str:
        """The innermost key, in lower case; for an item of a list, the list's."""
        return next((key for key in reversed(self.keys) if not key.isdigit()), "").lower()

    @property
    def name(self) -> str:
        """The whole path for a sentence."""
        seed = "" if self.seed is None else f" of seed {self.seed}"
        return ".".join(self.keys) + seed


@dataclass
class Claims:
    """All claims, and what was wrong with the file."""

    all: list[Claim] = field(default_factory=list)
    seeds: dict[int, Place] = field(default_factory=dict)
    """Seeds that the submission says it ran, in its order."""
    findings: list[Finding] = field(default_factory=list)

    def numbers(self, seed: int | None = None) -> Iterator[tuple[Claim, Number]]:
        """Claims that are numbers, of a seed or of the whole."""
        for claim in self.all:
            if claim.seed == seed and isinstance(claim.value, Number):
                yield claim, claim.value

    def main(self, names: tuple[str, ...]) -> tuple[Claim, Number] | None:
        """The claim under the first of these names that is there, the outermost first; 0 stands for none."""
        found = [
            (names.index(claim.key), len(claim.keys), claim, number)
            for claim, number in self.numbers()
            if claim.key in names and claim.keys[-1].lower() in names and number.value > 0
        ]
        if not found:
            return None
        _, _, claim, number = min(found, key=lambda each: each[:2])
        return claim, number

    def text(self, *names: str) -> Claim | None:
        """The first claim under one of these names that is text."""
        return next((claim for claim in self.all if claim.key in names and isinstance(claim.value, str)), None)


def read_claims(text: str | None) -> Claims:
    """The claims of a submission.json, None when there is none."""
    if text is None:
        return Claims()
    document = read(NAME, text)
    listed = seed_lists(document)
    claims = Claims(findings=document.findings)
    for keys, (value, place) in document.leaves.items():
        claims.all.append(claim_of(keys, value, place, document, listed))
    for seeds in listed.values():
        claims.seeds |= {seed: place for seed, place in seeds if seed not in claims.seeds}
    for claim in claims.all:
        if claim.seed is not None and claim.value is not None:
            claims.seeds.setdefault(claim.seed, claim.place)
        if claim.seed is None and isinstance(claim.value, str) and claim.key in (*MAIN_BPB, *MAIN_LOSS):
            claims.findings.append(warning("json", f"{claim.name} is the text '{claim.value}', no number", claim.place))
    return claims


def seed_lists(document: Document) -> dict[Keys, list[tuple[int, Place]]]:
    """Lists of seeds by the path of the object that holds them."""
    found: dict[Keys, list[tuple[int, Place]]] = {}
    for keys, (value, place) in document.leaves.items():
        if len(keys) >= 2 and keys[-2].lower() in SEED_LISTS and isinstance(value, Number) and whole(value):
            found.setdefault(keys[:-2], []).append((int(value.value), place))
    return found


def whole(number: Number) -> bool:
    """Whether a number can be a seed."""
    return number.value == number.value.to_integral_value() and 0 <= number.value < 10**10


def claim_of(
    keys: Keys, value: Value, place: Place, document: Document, listed: dict[Keys, list[tuple[int, Place]]]
) -> Claim:
    """A leaf as a claim: its seed is a key that names one, its object's `seed`, or the seed at its place in a list."""
    for index, key in enumerate(keys[:-1]):
        match = SEED.match(key)
        inside_list = keys[: index + 1] + ("seed",)
        if match and inside_list in document.leaves and isinstance(own := document.leaves[inside_list][0], Number):
            return Claim(keys[:index] + keys[index + 1 :], int(own.value), value, place)
        if match and keys[:index] not in document.lists:
            return Claim(keys[:index] + keys[index + 1 :], int(match[1]), value, place)
    seeds = listed.get(keys[:-2], [])
    parallel = len(keys) >= 2 and keys[-1].isdigit() and not keys[-2].lower().startswith("seeds")
    if parallel and seeds and length(keys[:-1], document) == len(seeds):
        return Claim(keys[:-1], seeds[int(keys[-1])][0], value, place)
    match = SEED.match(keys[-1])
    if match and len(keys) >= 2 and keys[:-1] not in document.lists:
        return Claim(keys[:-1], int(match[1]), value, place)
    return Claim(keys, None, value, place)


def length(keys: Keys, document: Document) -> int:
    """Number of plain items of a list."""
    return sum(1 for each in document.leaves if each[:-1] == keys)
