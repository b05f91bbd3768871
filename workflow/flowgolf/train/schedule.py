"""Learning-rate multiplier and Muon momentum over a run (docs/spec/training.md, T3, T5, T6 and T20)."""


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
