"""Rates that rise over a twentieth of a run and fall along a half cosine; an example (docs/ideas.md)."""

import math

from flowgolf.train.schedule import Point, RateSchedule

WARM_UP = 0.05  # of the run


class Cosine(RateSchedule):
    """No stretch at the full rate: the fall begins at once, and slowly."""

    def multiplier(self, at: Point) -> float:
        """Linear up to 1, then `(1 + cos) / 2` down to 0 at the end."""
        done = at.fraction
        if done < WARM_UP:
            return (done + 1 / at.steps) / (WARM_UP + 1 / at.steps)
        return 0.5 * (1 + math.cos(math.pi * min((done - WARM_UP) / (1 - WARM_UP), 1.0)))
