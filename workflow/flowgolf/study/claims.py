"""What a study claims before it runs, and the rule by which seeds are added until that is decided (docs/claims.md)."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from flowgolf.settings import Settings

RECORD_NATS, RECORD_P = 0.005, 0.01
"""What the challenge asks of a new record: nats per token better than the last, shown at this p."""
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "challenge": {
        "test": "welch",
        "smallest": RECORD_NATS,
        "at_least": True,
        "unit": "nats",
        "error_rate": RECORD_P,
    },
    "speedrun": {"test": "one_sample_t", "unit": "nats", "error_rate": 0.01},
}
"""Rules of others as values that a claim does not have to spell out; docs/claims.md names their sources."""
AGAINST_A_BAR = ("one_sample_t", "z")


class SeedRule(Settings):
    """Seeds that are added until each claim is decided: 1 to `start` first, then one more at a time."""

    start: int = Field(ge=2)
    """Seeds of the first round, of every variant."""
    most: int
    """Seeds after which no more are added, whatever is undecided."""
    by: Literal["claim"] = "claim"
    """What decides: the arms of a claim get seeds until that claim is decided."""

    @model_validator(mode="after")
    def check_most(self) -> "SeedRule":
        """Refuse an end before the beginning."""
        if self.most < self.start:
            raise ValueError(f"most: {self.most} is below start, {self.start}")
        return self


class ClaimSettings(Settings):
    """One claim: that an arm is better than another, or than a bar, by a value; decided with a stated error rate."""

    arm: str
    """Variant that the claim is about."""
    against: str | None = None
    """Variant that it is compared with, seed by seed; null: `bar` instead."""
    bar: float | None = None
    """Value that it is compared with, in `unit`; null: `against` instead."""
    value: Literal["sliding", "legal_ttt", "ttt_gain"]
    """What is compared; ttt_gain is legal TTT minus sliding."""
    direction: Literal["lower", "higher"] = "lower"
    """On which side of the other the arm is claimed to be."""
    smallest: float = Field(gt=0)
    """Smallest difference that matters, in `unit`."""
    at_least: bool = False
    """Claim a difference of more than `smallest`; false: of more than nought."""
    unit: Literal["bpb", "nats"] = "bpb"
    """Unit of `smallest`, `bar` and `sigma`: bits per byte, or nats per token."""
    error_rate: float = Field(0.05, gt=0, lt=0.5)
    """Chance, at most, that the verdict is wrong."""
    test: Literal["anytime", "welch", "one_sample_t", "z"] = "anytime"
    """Where the bounds of the difference come from; `anytime` holds however often it is looked at."""
    sigma: float | None = Field(None, gt=0)
    """Standard deviation over seeds that test z takes as known, in `unit`."""
    preset: Literal["challenge", "speedrun"] | None = None
    """Whose rule gives the values that the claim does not; null: none."""

    @model_validator(mode="before")
    @classmethod
    def take_preset(cls, given: Any) -> Any:
        """Fill in what the preset says and the claim does not."""
        named = given.get("preset") if isinstance(given, Mapping) else None
        return {**PRESETS[named], **given} if isinstance(named, str) and named in PRESETS else given

    @model_validator(mode="after")
    def check_test(self) -> "ClaimSettings":
        """Refuse a comparison with nothing or with two things, and a test that does not fit it."""
        if (self.against is None) == (self.bar is None):
            raise ValueError("a claim has either against (a variant) or bar (a number)")
        if (self.test in AGAINST_A_BAR) != (self.bar is not None) and self.test != "anytime":
            fitting = "anytime, one_sample_t or z" if self.bar is not None else "anytime or welch"
            other = "a bar" if self.bar is not None else "a variant"
            raise ValueError(f"test: {self.test} does not compare with {other}; accepted: {fitting}")
        if (self.test == "z") != (self.sigma is not None):
            raise ValueError("sigma: test z needs it, and no other test takes it")
        return self

    @property
    def arms(self) -> tuple[str, ...]:
        """The variants whose seeds decide it."""
        return (self.arm,) if self.against is None else (self.arm, self.against)
