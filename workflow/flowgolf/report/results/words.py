"""Comparisons in words: the sentences below tables and on pages."""

from math import isnan

from flowgolf.report.results.basis import unlike
from flowgolf.report.results.collect import Results
from flowgolf.report.results.differences import NAMES, figures, gain, gains
from flowgolf.report.results.effects import Effect, Factorial, all_effects
from flowgolf.report.results.metrics import EVALUATIONS
from flowgolf.report.results.seed_statistics import Comparison, unpaired

HOLM = (
    "p (Holm): corrected over the tests of a family. Families are the differences between arms, the TTT gains, and "
    "each sweep, all as the table of differences lists them. Intervals are not corrected."
)


def sentence(comparison: Comparison) -> str:
    """Put a comparison in one line: difference, interval, test, verdict."""
    if isnan(comparison.difference):
        return f"{comparison.verdict}."
    tested = ""
    if comparison.tested:
        tested = f" [{comparison.low:+.5f}, {comparison.high:+.5f}], {comparison.test} {comparison.p_text}"
    return f"{comparison.difference:+.5f}{tested}: {comparison.verdict}."


def evidence_notes(results: Results) -> list[str]:
    """Notes that say what the verdicts mean, and which standard deviations they use."""
    notes = [
        "Only a difference whose 95 % interval excludes zero and whose corrected p is below 5 % is called an effect; "
        "m seeds: for 80 % power, under the same correction.",
        HOLM,
    ]
    return [*notes, *spread_notes(results)]


def spread_notes(results: Results) -> list[str]:
    """Say which spread the number of seeds rests on where a difference rests on a single one."""
    found = {
        f"Where n = 1, m rests on {kind_of_spread(effect)}: sd {effect.comparison.sd:.5f}."
        for effect in all_effects(results)
        if effect.comparison.n == 1 and effect.comparison.sd > 0
    }
    return sorted(found)


def kind_of_spread(effect: Effect) -> str:
    """What the spread of a comparison is the spread of."""
    name = NAMES[effect.metric]
    if not effect.comparison.paired or not effect.control:
        return f"the spread over seeds within arms of {name}"
    return f"the spread over seeds of a difference in {name} between two results of one training"


def unlike_notes(results: Results) -> list[str]:
    """Say which results are not set against each other, because their evaluations differ, and in what."""
    found = [
        f"{effect.what}: {effect.comparison.reason}." for effect in all_effects(results) if effect.comparison.reason
    ]
    return list(dict.fromkeys(found))


def evidence_on_all_seeds(results: Results, cross: Factorial) -> list[str]:
    """Notes on what all seeds say beside those of the 2x2: TTT on each arm, and the difference without pairs."""
    notes = []
    for variant in (cross.control, cross.treated):
        if cross.seeds and len(gains(results, variant)) > max(len(cross.seeds), 1):
            notes.append(f"TTT on {variant}, all its seeds: {sentence(gain(results, variant))}")
    for metric in EVALUATIONS:
        treated, control = (figures(results, arm, metric) for arm in (cross.treated, cross.control))
        alike = not unlike(results, cross.treated, cross.control, metric, paired=False)
        if len(cross.seeds) == 1 and len(treated) + len(control) > 2 and alike:
            what = f"{cross.treated} - {cross.control}, {NAMES[metric]}, all seeds"
            notes.append(f"{what} (n = {len(treated)} and {len(control)}): {sentence(unpaired(treated, control))}")
    return notes
