"""Every difference that a study asks about, in families, with p corrected by Holm over each (docs/statistics.md)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from flowgolf.report.results.basis import GAIN, same_record
from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import KEPT, MEASURES, NAMES, difference, figures, gain
from flowgolf.report.results.metrics import EVALUATIONS
from flowgolf.report.results.seed_statistics import ITSELF, NOTHING, Comparison, holm

ARMS, GAINS = "arms", "TTT gains"
SAME = replace(NOTHING, reason="the same result")
"""Of a point of a sweep whose evaluation is that of the reference itself."""


@dataclass(frozen=True)
class Effect:
    """One row of the table of differences."""

    family: str
    """`arms`, `TTT gains` or `sweep NAME`: p is corrected over the tests of a family."""
    what: str
    """What is compared, in words."""
    treated: str
    control: str
    """Empty for a TTT gain, which compares two evaluations of one arm."""
    metric: str
    comparison: Comparison


@dataclass(frozen=True)
class Factorial:
    """The 2x2 of two arms, without and with test-time training (TTT), on the seeds that all four cells have."""

    control: str
    treated: str
    seeds: list[int]
    """Seeds that all four cells have; if empty, each cell uses the seeds it has."""
    cells: Mapping[tuple[str, str], pd.Series]
    """(variant, metric) -> values by seed."""
    ttt: Mapping[str, Comparison]
    """variant -> legal TTT - sliding."""
    variant: Mapping[str, Comparison]
    """metric -> treated - control."""
    interaction: Comparison
    """Effect of TTT on the treated arm minus that on the control."""


def factorial(results: Results, arms: list[str] | None) -> Factorial | None:
    """Make the 2x2 of two arms (control, treated), with the comparisons of `all_effects`; None without arms."""
    if not arms:
        return None
    control, treated = arms
    seeds = shared_seeds(results, treated, control)
    found = {(effect.treated, effect.control, effect.metric): effect.comparison for effect in main_effects(results)}
    return Factorial(
        control, treated, seeds,
        cells={(v, m): figures(results, v, m, seeds or None) for v in (control, treated) for m in EVALUATIONS},
        ttt={v: found[v, "", GAIN] for v in (control, treated)},
        variant={m: found.get((treated, control, m), SAME) for m in EVALUATIONS},
        interaction=found.get((treated, control, GAIN), SAME),
    )  # fmt: skip


def all_effects(results: Results) -> list[Effect]:
    """List everything that the study compares, corrected: the rows of the table of differences and of its plot."""
    return [*main_effects(results), *(e for sweep in results.manifest["sweeps"] for e in sweep_effects(results, sweep))]


@lru_cache(KEPT)
def main_effects(results: Results) -> tuple[Effect, ...]:
    """The differences between main arms and the TTT gain of each, corrected in these two families."""
    return *corrected(arm_effects(results)), *corrected(gain_effects(results))


def corrected(family: Iterator[Effect]) -> tuple[Effect, ...]:
    """Correct the comparisons of one family by Holm's method."""
    effects = list(family)
    adjusted = holm([effect.comparison for effect in effects])
    return tuple(replace(effect, comparison=found) for effect, found in zip(effects, adjusted, strict=True))


def arm_effects(results: Results) -> Iterator[Effect]:
    """Every pair of arms by sliding, legal TTT and TTT gain; those of a 2x2 on the seeds that its cells share."""
    crosses = cross_pairs(results)
    for treated, control in pairs(results):
        crossed = (treated, control) in crosses
        seeds = (shared_seeds(results, treated, control) or None) if crossed else None
        for metric in MEASURES:
            if not same_record(results, treated, control, metric):
                found = difference(results, treated, control, metric, seeds)
                yield Effect(ARMS, f"{treated} - {control}, {NAMES[metric]}", treated, control, metric, found)


def gain_effects(results: Results) -> Iterator[Effect]:
    """What legal TTT gains on each main arm; on those of a 2x2 over the seeds that its cells share."""
    seeds = {arm: shared_seeds(results, *pair) or None for pair in cross_pairs(results)[::-1] for arm in pair}
    crossed = [arm for pair in cross_pairs(results) for arm in pair[::-1]]
    for arm in dict.fromkeys([*crossed, *results.manifest["main_variants"]]):
        yield Effect(GAINS, f"TTT on {arm}", arm, "", GAIN, gain(results, arm, seeds.get(arm)))


@lru_cache(KEPT)
def sweep_effects(results: Results, sweep: str) -> tuple[Effect, ...]:
    """Each point of a sweep against the reference by both evaluations, on the sweep's seeds, corrected over these."""
    declared, reference = results.manifest["sweeps"][sweep], results.manifest["reference"]
    return corrected(
        Effect(
            f"sweep {sweep}", f"{sweep} {value}, {NAMES[metric]}", point, reference, metric,
            difference(results, point, reference, metric, declared["seeds"]),
        )
        for metric in EVALUATIONS
        for value, point in zip(declared["values"], declared["variants"], strict=True)
        if point != reference and not same_record(results, point, reference, metric)
    )  # fmt: skip


def pairs(results: Results) -> list[tuple[str, str]]:
    """Pairs of arms that the study compares, treated first: the 2x2s, each main arm and the reference, its `pairs`."""
    reference = results.manifest["reference"]
    asked = [
        *cross_pairs(results),
        *((arm, reference) for arm in results.manifest["main_variants"] if arm != reference),
        *((first, second) for first, second in results.manifest.get("pairs", ())),
    ]
    return [pair for index, pair in enumerate(asked) if not {pair, pair[::-1]} & set(asked[:index])]


def cross_pairs(results: Results) -> list[tuple[str, str]]:
    """The arms of the 2x2, and of that under one bit plan, as (treated, control)."""
    declared = (results.manifest["two_by_two"], results.manifest.get("matched"))
    return [(arms[1], arms[0]) for arms in declared if arms]


def shared_seeds(results: Results, treated: str, control: str) -> list[int]:
    """Seeds at which both arms have both evaluations."""
    cells = (results.values(arm, metric) for arm in (treated, control) for metric in EVALUATIONS)
    return sorted(set.intersection(*(set(map(int, cell.index)) for cell in cells)))


def against_reference(results: Results) -> dict[tuple[str, str], Comparison]:
    """Compare every arm with the reference as the table that holds the comparison does: (arm, metric) -> comparison.

    A point that only sweeps have is corrected over its sweep. The reference itself is `ITSELF`.
    """
    reference = results.manifest["reference"]
    found = {(reference, metric): ITSELF for metric in MEASURES}
    for effect in all_effects(results):
        if effect.control == reference:
            found.setdefault((effect.treated, effect.metric), effect.comparison)
        elif effect.treated == reference and effect.control:
            found.setdefault((effect.control, effect.metric), effect.comparison.reversed())
    return found


def sweep_comparisons(results: Results, sweep: str, metric: str) -> list[Comparison]:
    """The comparison of each point of a sweep with the reference, in the order of its values."""
    reference = results.manifest["reference"]
    found = {effect.treated: effect.comparison for effect in sweep_effects(results, sweep) if effect.metric == metric}
    points = results.manifest["sweeps"][sweep]["variants"]
    return [ITSELF if point == reference else found.get(point, SAME) for point in points]
