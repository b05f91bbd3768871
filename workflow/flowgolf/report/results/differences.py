"""The differences that a study asks about, each with its evidence: the 2x2, the variants, the points of sweeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import EVALUATIONS, METRICS, STAGE_OF, different_positions
from flowgolf.report.results.seed_statistics import ITSELF, Comparison, compare, holm, one_sample, pooled_sd, unpaired
from flowgolf.study.stages import STAGES

NAMES = {metric: STAGES[STAGE_OF[metric]].label for metric in EVALUATIONS}


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


def factorial(results: Results) -> Factorial | None:
    """Compute the 2x2 of the study; None if the study declares none."""
    if not results.manifest["two_by_two"]:
        return None
    control, treated = results.manifest["two_by_two"]
    cells = {(v, m): results.values(v, m) for v in (control, treated) for m in EVALUATIONS}
    shared = sorted(set.intersection(*(set(map(int, cell.index)) for cell in cells.values())))
    if shared:
        cells = {key: cell.loc[shared] for key, cell in cells.items()}
    effects = {v: gains(results, v) for v in (control, treated)}
    if shared:
        effects = {v: effect[effect.index.isin(shared)] for v, effect in effects.items()}
    return Factorial(
        control, treated, shared, cells,
        ttt={v: one_sample(effects[v], gain_spread(results)) for v in effects},
        variant={m: compare(cells[treated, m], cells[control, m], spread(results, m)) for m in EVALUATIONS},
        interaction=compare(effects[treated], effects[control], gain_spread(results)),
    )  # fmt: skip


def gains(results: Results, variant: str) -> pd.Series:
    """Legal TTT - sliding by seed, negative if TTT helps; only seeds whose evaluations scored the same positions."""
    difference = (results.values(variant, "legal_ttt_bpb") - results.values(variant, "sliding_bpb")).dropna()
    if difference.empty:
        return difference
    return difference[~different_positions(results.runs[variant].loc[difference.index])]


def spread(results: Results, metric: str) -> float:
    """Standard deviation of a value over the seeds of an arm, pooled over all arms of the study."""
    return pooled_sd([results.values(variant, metric) for variant in results.frame["variant"].unique()])


def gain_spread(results: Results) -> float:
    """Standard deviation of the TTT gain over the seeds of an arm, pooled over all arms of the study."""
    return pooled_sd([gains(results, variant) for variant in results.frame["variant"].unique()])


def variant_difference(results: Results, first: str, second: str, metric: str) -> Comparison:
    """Compare two variants: the first minus the second."""
    return compare(results.values(first, metric), results.values(second, metric), spread(results, metric))


def against_reference(results: Results, metric: str) -> dict[str, Comparison]:
    """Compare every variant with the reference, each as the table that holds it does.

    A point that only sweeps have: on its sweep's seeds, corrected by Holm over the points. The other arm of the 2x2: on
    the seeds that its cells share. Any other variant: on all seeds. The reference itself is `ITSELF`.
    """
    reference = results.manifest["reference"]
    found: dict[str, Comparison] = {}
    for sweep, declared in results.manifest["sweeps"].items():
        for point, comparison in zip(declared["variants"], sweep_comparisons(results, sweep, metric), strict=True):
            found.setdefault(point, comparison)
    for variant in results.manifest["main_variants"]:
        found[variant] = variant_difference(results, variant, reference, metric)
    cross = factorial(results)
    if cross and reference in (cross.control, cross.treated):
        other = cross.treated if reference == cross.control else cross.control
        found[other] = compare(cross.cells[other, metric], cross.cells[reference, metric], spread(results, metric))
    return found | {reference: ITSELF}


def sweep_comparisons(results: Results, sweep: str, metric: str) -> list[Comparison]:
    """Compare each point of a sweep with the reference on the sweep's seeds; p is corrected by Holm over the points."""
    reference = results.manifest["reference"]
    control, sd = sweep_values(results, sweep, reference, metric), spread(results, metric)
    return holm([
        compare(sweep_values(results, sweep, point, metric), control, sd) if point != reference else ITSELF
        for point in results.manifest["sweeps"][sweep]["variants"]
    ])  # fmt: skip


def sweep_values(results: Results, sweep: str, variant: str, metric: str) -> pd.Series:
    """Values of a variant at the seeds that a sweep declares."""
    values = results.values(variant, metric)
    return values[values.index.isin(results.manifest["sweeps"][sweep]["seeds"])]


def all_effects(results: Results) -> list[tuple[str, str, Comparison]]:
    """List everything that the study compares as (family, what, comparison): the rows of the effects table and plot."""
    reference = results.manifest["reference"]
    effects: list[tuple[str, str, Comparison]] = []
    cross = factorial(results)
    pair = (cross.control, cross.treated) if cross else ()
    if cross:
        effects += [("2x2", f"{cross.treated} - {cross.control}, {NAMES[m]}", cross.variant[m]) for m in EVALUATIONS]
        effects += [("2x2", f"TTT on {variant}", comparison) for variant, comparison in cross.ttt.items()]
        effects.append(("2x2", "interaction", cross.interaction))
    against_reference = [
        (variant, reference)
        for variant in results.manifest["main_variants"]
        if variant != reference and (variant not in pair or reference not in pair)
    ]
    for metric in EVALUATIONS:
        for first, second in (*against_reference, *results.manifest.get("pairs", ())):
            comparison = variant_difference(results, first, second, metric)
            effects.append(("variants", f"{first} - {second}, {NAMES[metric]}", comparison))
        for sweep, declared in results.manifest["sweeps"].items():
            comparisons = sweep_comparisons(results, sweep, metric)
            for value, comparison in zip(declared["values"], comparisons, strict=True):
                if comparison is not ITSELF:
                    effects.append((f"sweep {sweep}", f"{sweep} {value}, {NAMES[metric]}", comparison))
    return effects


def evidence_notes(results: Results) -> list[str]:
    """Notes that say what the verdicts mean, and which standard deviations they use."""
    notes = ["Only a difference whose 95 % interval excludes zero is called an effect; m seeds: for 80 % power."]
    for metric in EVALUATIONS:
        sd = spread(results, metric)
        if not isnan(sd):
            notes.append(f"Seed spread of {METRICS[metric].label}: sd {sd:.5f} within arms, used for m where n = 1.")
    return notes


def evidence_on_all_seeds(results: Results, cross: Factorial) -> list[str]:
    """Notes on what all seeds say beside those of the 2x2: TTT on each arm, and the difference without pairs."""
    notes = []
    for variant in (cross.control, cross.treated):
        all_gains = gains(results, variant)
        if cross.seeds and len(all_gains) > max(len(cross.seeds), 1):
            comparison = one_sample(all_gains)
            notes.append(f"TTT on {variant}, all its seeds: {sentence(comparison)}")
    for metric in EVALUATIONS:
        treated, control = results.values(cross.treated, metric), results.values(cross.control, metric)
        if len(cross.seeds) == 1 and len(treated) + len(control) > 2:
            counts = f"n = {len(treated)} and {len(control)}"
            comparison = unpaired(treated, control)
            notes.append(
                f"{cross.treated} - {cross.control}, {NAMES[metric]}, all seeds ({counts}): {sentence(comparison)}"
            )
    return notes


def sentence(comparison: Comparison) -> str:
    """Put a comparison in one line: difference, interval, test, verdict."""
    tested = ""
    if not isnan(comparison.p):
        tested = f" [{comparison.low:+.5f}, {comparison.high:+.5f}], {comparison.test} p = {comparison.p:.2g}"
    return f"{comparison.difference:+.5f}{tested}: {comparison.verdict}."
