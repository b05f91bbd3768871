"""Table 6 (docs/spec/results.md): our values beside the published ones."""

import math
from typing import Any

import pandas as pd
from scipy import stats

from flowgolf.report.results.basis import Basis, bases, differing
from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import METRICS, STAGE_OF, label, partial_notes
from flowgolf.report.results.seed_statistics import CONFIDENCE, NO_SPREAD, pooled_sd, summarise
from flowgolf.report.tables.columns import status_text
from flowgolf.report.tables.render import Column, Table
from flowgolf.study.stages import SCORING_STAGES

COLUMNS = (
    "variant", "figure", "ours", "ours_sd", "ours_n", "published", "published_sd", "published_n",
    "difference", "spread_half_width", "verdict",
)  # fmt: skip


def compare_table(results: Results, published: Results) -> Table:
    """Make a row for each value of each variant that both studies have: ours, published, and whether they agree."""
    shared = [variant for variant in published.frame["variant"].unique() if variant in set(results.frame["variant"])]
    rows = [parameters_row(results, published, variant) for variant in shared]
    rows += [compare_row(results, published, variant, metric) for metric in METRICS for variant in shared]
    columns = [
        Column("variant", "variant"), Column("figure", "figure"),
        Column("ours", "ours", ".5f"), Column("ours_sd", "sd", ".5f"), Column("ours_n", "n"),
        Column("published", "published", ".5f"), Column("published_sd", "sd", ".5f"), Column("published_n", "n"),
        Column("difference", "difference", "+.5f"), Column("verdict", "seed spread"),
    ]  # fmt: skip
    frame = pd.DataFrame([row for row in rows if row["published_n"] != "0"], columns=list(COLUMNS), dtype=object)
    notes = [
        "Published: parameter-golf pull request 1170. Within: the difference of the means lies inside the 95 % range "
        "that the seeds' spread (pooled over both studies' arm) allows for two sets of seeds of these sizes.",
        "Different parameter counts mean different models: then the figures are not expected to agree.",
        "Nothing is tested where positions, window, stride or arithmetic of the evaluations differ.",
        *partial_notes(results),
    ]
    return Table("compare", "Beside the published figures", frame, columns, notes)


def parameters_row(results: Results, published: Results, variant: str) -> dict[str, Any]:
    """Make the row of the parameter counts, which tells whether both studies train the same model."""
    ours, theirs = (float(study.first(variant, "parameters")) for study in (results, published))
    row: dict[str, Any] = {"variant": variant, "figure": "parameters", "ours_n": "", "published_n": ""}
    row |= {"ours": Count(ours), "published": Count(theirs), "difference": Count(ours - theirs)}
    if math.isnan(ours):
        return row | {"ours": results.status(variant, "train"), "verdict": ""}
    return row | {"verdict": "same size" if ours == theirs else "another size"}


class Count(float):
    """A whole number in a column of bpb: it prints with thousands separated and without decimals."""

    def __format__(self, spec: str) -> str:
        """Format as a whole number; of `spec` only the sign is used."""
        return format(float(self), f"{'+' if spec.startswith('+') else ''},.0f")


def compare_row(results: Results, published: Results, variant: str, metric: str) -> dict[str, Any]:
    """Make the row of one value of one variant."""
    ours, theirs = results.values(variant, metric), published.values(variant, metric)
    here, there = summarise(ours), summarise(theirs)
    number = Count if metric == "artifact_bytes" else float
    status = results.status(variant, STAGE_OF[metric])
    apart = scored_otherwise(results, published, variant, metric)
    half = float("nan") if apart else spread_half_width(ours, theirs)
    difference = here.mean - there.mean
    return {
        "variant": variant,
        "figure": label(results, metric),
        "ours": number(here.mean) if here.n else status_text(status),
        "ours_sd": number(here.sd),
        "ours_n": str(here.n),
        "published": number(there.mean),
        "published_sd": number(there.sd),
        "published_n": str(there.n),
        "difference": number(difference),
        "spread_half_width": half,
        "verdict": f"not comparable: {apart}" if apart else spread_verdict(difference, half),
    }


def scored_otherwise(results: Results, published: Results, variant: str, metric: str) -> str:
    """What differs between our evaluations of a variant and the published ones, in what both state; else empty.

    The published logs state no digest of the text, so the number of positions stands for it; they leave out the last
    incomplete window, which ours score.
    """
    stage = STAGE_OF[metric]
    if metric == "artifact_bytes":
        return ""
    stage = stage if stage in SCORING_STAGES else "sliding"
    theirs = next(iter(bases(published, variant, stage).values()), {})
    found = [
        text for ours in bases(results, variant, stage).values() for text in differing(stated(ours, theirs), theirs)
    ]
    return ", ".join(dict.fromkeys(found))


def stated(ours: Basis, theirs: Basis) -> dict[str, Any]:
    """The part of our basis that the published one states too, with its positions where they are the same windows."""
    same_windows = 0 <= (ours.get("positions") or 0) - theirs.get("positions", 0) < theirs.get("window", 0)
    return {key: value if key == "positions" and same_windows else ours.get(key) for key, value in theirs.items()}


def spread_half_width(ours: pd.Series, theirs: pd.Series) -> float:
    """Half width of the range that holds 95 % of the differences of two means if only the seeds differ.

    Student's t with the standard deviation pooled within the two sets of seeds; one set may be a single seed. NaN if
    neither set has two.
    """
    sd = pooled_sd([ours, theirs])
    if math.isnan(sd) or ours.empty or theirs.empty:
        return float("nan")
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(ours) + len(theirs) - 2))
    return quantile * sd * math.sqrt(1 / len(ours) + 1 / len(theirs))


def spread_verdict(difference: float, half_width: float) -> str:
    """`within` or `outside` the seeds' spread, or the reason why neither can be said."""
    if math.isnan(difference):
        return "pending"
    if math.isnan(half_width):
        return "unknown at n = 1"
    if half_width == 0:
        return NO_SPREAD
    return "within" if abs(difference) <= half_width else "outside"
