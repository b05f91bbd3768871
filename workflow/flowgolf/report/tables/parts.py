"""What the models consist of: for each part its size, what updates its parameters, and how an artifact stores them."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from flowgolf.report.results.collect import Results
from flowgolf.report.tables.render import Column, Table

PRINTED = {
    "group": ("matrices", "embeddings", "rest"),
    "optimizer": (),
    "storage": ("block", "int8", "control"),
}
"""What is told of a part's tensors -> the order of its words; words that are not there follow."""
NOTES = [
    "Group: which rate and which optimiser. Storage of tensors above export.passthrough_max_elements: block is int6 or "
    "int5 by the bit plan, int8 is int8, control is float32; smaller ones are float16.",
    "A part that is the same in several arms has one row.",
]


def parts_table(results: Results) -> Table:
    """Make a row for each part of the models; arms that have not begun to train are left out."""
    arms: dict[tuple[Any, ...], list[str]] = {}
    known = [str(arm) for arm in results.frame["variant"].unique()]
    known = [arm for arm in known if isinstance(results.first(arm, "model_tensors"), Mapping)]
    for arm in known:
        for row in part_rows(results.first(arm, "model_tensors")):
            arms.setdefault(row, []).append(arm)
    keys = ["part", "parameters", *PRINTED]
    rows = [{**dict(zip(keys, row, strict=True)), "arms": arms_text(having, known)} for row, having in arms.items()]
    columns = [
        Column("part", "part"), Column("parameters", "parameters", ",.0f"), Column("group", "group"),
        Column("optimizer", "optimiser"), Column("storage", "storage"), Column("arms", "arms"),
    ]  # fmt: skip
    notes = NOTES if known else ["No run has trained yet."]
    return Table(
        "parts", "Parts of the models", pd.DataFrame(rows, columns=[*keys, "arms"], dtype=object), columns, notes
    )


def part_rows(tensors: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Label, parameters, groups, optimisers and storage of each part, largest first, from a record's tensors."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for facts in tensors.values():
        parts.setdefault(facts["label"], []).append(facts)
    rows = [
        (
            label,
            sum(facts["elements"] for facts in members),
            *(words((facts[key] for facts in members), order) for key, order in PRINTED.items()),
        )
        for label, members in parts.items()
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def words(given: Iterable[str | None], order: tuple[str, ...]) -> str:
    """The different words, known ones in their order; `-` where there is none, as for an imported checkpoint."""
    found = {word for word in given if word is not None}
    return ", ".join([*(word for word in order if word in found), *sorted(found - set(order))]) or "-"


def arms_text(having: list[str], known: list[str]) -> str:
    """Which arms have a part: all of them, or their names."""
    return "all" if having == known else ", ".join(having)
