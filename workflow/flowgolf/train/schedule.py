"""The factor on every rate over a run (docs/spec/training.md, T5, T6, T20 and T23)."""

from typing import NamedTuple

from flowgolf.train.settings import TrainSettings


class Point(NamedTuple):
    """Where a run stands before a step."""

    step: int
    """Steps that are done."""
    steps: int
    """Steps of the whole run, unless its time ends first."""
    elapsed_seconds: float
    """What those that are done took."""
    allowed_seconds: float | None
    """What all may take; None without a limit."""

    @property
    def fraction(self) -> float:
        """How much of the run is done: of its steps, or of its time where that is limited."""
        if self.allowed_seconds is None:
            return self.step / self.steps
        return self.elapsed_seconds / self.allowed_seconds


class RateSchedule:
    """What the settings say; an idea is derived from it and says something else."""

    def __init__(self, settings: TrainSettings) -> None:
        """For one training."""
        self.settings = settings

    def multiplier(self, at: Point) -> float:
        """The factor on every rate in the step after `at`, 0 or more; below `min_rate` it counts as that."""
        settings = self.settings
        if settings.warmdown_fraction is not None:
            return rate_in_share(at.fraction, settings.warmdown_fraction)
        if at.allowed_seconds is None:
            return rate_multiplier(at.step, at.steps, settings.warmdown_steps)
        seconds_per_step = at.elapsed_seconds / max(at.step, 1)
        return rate_multiplier_in_time(
            at.elapsed_seconds, at.allowed_seconds, seconds_per_step, settings.warmdown_steps
        )


def rate_multiplier(step: int, steps: int, warmdown_steps: int) -> float:
    """1 until the last `warmdown_steps`, then linear towards 0 at `steps`, and 0 from there on."""
    if step < steps - warmdown_steps:
        return 1.0
    return max(steps - step, 0) / max(warmdown_steps, 1)


def rate_multiplier_in_time(
    elapsed_seconds: float, max_seconds: float, seconds_per_step: float, warmdown_steps: int
) -> float:
    """1 until the remaining time is what `warmdown_steps` steps take, then linear towards 0 at `max_seconds`."""
    remaining_seconds = max(max_seconds - elapsed_seconds, 0.0)
    warmdown_seconds = warmdown_steps * seconds_per_step
    if remaining_seconds >= warmdown_seconds:
        return 1.0
    return remaining_seconds / warmdown_seconds


def rate_in_share(fraction: float, warmdown_fraction: float) -> float:
    """1 until the last `warmdown_fraction` of a run, then linear towards 0 at its end; `fraction` of it is done."""
    if fraction < 1 - warmdown_fraction:
        return 1.0
    return max(1 - fraction, 0.0) / warmdown_fraction
