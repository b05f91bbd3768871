"""The differences that a study may ask about, each with its evidence but before any correction: see `effects`."""

from collections.abc import Iterable
from functools import lru_cache
from math import isnan

import pandas as pd

from flowgolf.report.results.basis import GAIN, bases, differing, same_record, share_a_training, unlike, unlike_gain
from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import EVALUATIONS, STAGE_OF
from flowgolf.report.results.seed_statistics import Comparison, compare, not_comparable, one_sample, pooled_sd
from flowgolf.study.stages import STAGES

NAMES = {**{metric: STAGES[STAGE_OF[metric]].label for metric in EVALUATIONS}, GAIN: "TTT gain"}
MEASURES = (*EVALUATIONS, GAIN)
"""What two arms are compared by."""


KEPT = 64
"""Answers about a study that are kept: each table asks for the same ones."""


def difference(
    results: Results, treated: str, control: str, metric: str, seeds: Iterable[int] | None = None
) -> Comparison:
    """Compare two arms, treated - control, over these seeds (all if not given), where they were scored alike."""
    apart = unlike(results, treated, control, metric, seeds)
    if metric == GAIN and not apart:
        apart = unlike_gain(results, treated, seeds) or unlike_gain(results, control, seeds)
    if apart:
        return not_comparable(apart)
    ours, theirs = (figures(results, arm, metric, seeds) for arm in (treated, control))
    if share_a_training(results, treated, control):
        return one_sample((ours - theirs).dropna(), training_spread(results, metric))
    return compare(ours, theirs, spread(results, metric))


def gain(results: Results, variant: str, seeds: Iterable[int] | None = None) -> Comparison:
    """Compare legal TTT with sliding on an arm, over these seeds (all if not given)."""
    if apart := unlike_gain(results, variant, seeds):
        return not_comparable(apart)
    return one_sample(figures(results, variant, GAIN, seeds), spread(results, GAIN))


def figures(results: Results, variant: str, metric: str, seeds: Iterable[int] | None = None) -> pd.Series:
    """Values of an arm by seed, over these seeds (all if not given)."""
    values = gains(results, variant) if metric == GAIN else results.values(variant, metric)
    return values if seeds is None else values[values.index.isin(list(seeds))]


def gains(results: Results, variant: str) -> pd.Series:
    """Legal TTT - sliding by seed, negative if TTT helps; only seeds whose evaluations were made alike."""
    found = (results.values(variant, "legal_ttt_bpb") - results.values(variant, "sliding_bpb")).dropna()
    ours, theirs = (bases(results, variant, stage) for stage in ("legal_ttt", "sliding"))
    unlike_seeds = [seed for seed in ours if seed in theirs and differing(ours[seed], theirs[seed], apart=("seed",))]
    return found[~found.index.isin(unlike_seeds)]


@lru_cache(KEPT)
def spread(results: Results, metric: str) -> float:
    """Standard deviation of a value over the seeds of an arm, pooled over all arms of the study."""
    return pooled_sd([figures(results, variant, metric) for variant in results.runs])


@lru_cache(KEPT)
def training_spread(results: Results, metric: str) -> float:
    """Standard deviation over seeds of the difference between two results of one training, pooled over the study.

    Where no two arms of one training have several seeds, that of the TTT gain, which is such a difference too.
    """
    arms = list(results.runs)
    found = pooled_sd([
        (figures(results, arm, metric) - figures(results, other, metric)).dropna()
        for index, other in enumerate(arms)
        for arm in arms[index + 1 :]
        if share_a_training(results, arm, other) and not same_record(results, arm, other, metric)
    ])  # fmt: skip
    return spread(results, GAIN) if isnan(found) else found
