"""What every codec makes of an arm's integers: bytes, distance from the entropy bound, what quantising lost."""

from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.tables.render import Column, Table

MEANS = ("bytes_weights", "bytes_total", "entropy_bound_bytes", "output_error")
NOTES = [
    "Means over the n runs of an arm whose records compare codecs. A codec stores the same integers as another, so the "
    "entropy bound and the output error are the same for all codecs of an arm.",
    "Entropy bound: order-0 entropy of the quantised weights plus scales. Output error: mean over the tensors of the "
    "squared error of a layer's output on the calibration's inputs, against the squared output; empty without a "
    "calibration.",
    "In use: runs whose artifact has this codec. train_gpt.py reads: whether the generated file does; "
    "`codec: smallest` chooses among those alone.",
]


def codecs_table(results: Results) -> Table:
    """Make a row for each arm and codec; the status of an arm's exports where no record compares codecs."""
    rows = [row for arm in results.frame["variant"].unique() for row in codec_rows(results, str(arm))]
    columns = [
        Column("variant", "variant"), Column("codec", "codec"), Column("n", "n", "d"),
        Column("bytes_weights", "weights (bytes)", ",.0f"), Column("bytes_total", "total (bytes)", ",.0f"),
        Column("entropy_bound_bytes", "entropy bound (bytes)", ",.0f"),
        Column("above_bound_percent", "above entropy bound (%)", "+.2f"),
        Column("output_error", "output error", ".2e"),
        Column("in_train_gpt", "train_gpt.py reads"), Column("chosen", "in use", "d"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=[column.key for column in columns], dtype=object)
    return Table("codecs", "Export by codec", frame, columns, NOTES)


def codec_rows(results: Results, arm: str) -> list[dict[str, Any]]:
    """Make the rows of an arm, those with the fewest bytes first."""
    compared = [found for found in results.runs[arm]["codecs"] if isinstance(found, list)]
    if not compared:
        status = results.status(arm, "export")
        return [{"variant": arm, "codec": "not compared" if status == "done" else status, "n": 0}]
    every = pd.DataFrame([entry for found in compared for entry in found])
    rows = [{"variant": arm, **codec_row(str(codec), entries)} for codec, entries in every.groupby("codec")]
    return sorted(rows, key=lambda row: float(row["bytes_weights"]))


def codec_row(codec: str, entries: pd.DataFrame) -> dict[str, Any]:
    """Make the cells of a codec from its entries in the records of an arm."""
    means = {key: float(pd.to_numeric(entries[key]).mean()) for key in MEANS}
    return {
        "codec": codec,
        "n": len(entries),
        **means,
        "above_bound_percent": 100 * (means["bytes_weights"] / means["entropy_bound_bytes"] - 1),
        "in_train_gpt": "yes" if entries["in_train_gpt"].all() else "no",
        "chosen": int(entries["chosen"].sum()),
    }
