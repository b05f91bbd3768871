"""The figures of a finished study in one file beside its page, from which its statistics can be made again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from flowgolf.files import read_json, write_json
from flowgolf.report.results.collect import ADAPTATION_COLUMNS, CURVE_COLUMNS, Results, collect
from flowgolf.study.stages import STAGES

FIGURES = "figures.json"
LEFT_OUT = ("tensors", "model_tensors", "codecs")
"""Columns of the frame that no statistics need."""
RUN_KEYS = ("variant", "seed", *STAGES)
"""What is kept of a declared run: which of its results are those of another run too."""


class Kept(NamedTuple):
    """What `keep_figures` kept."""

    results: Results
    """With figures and statuses; without curves and tensors."""
    num_documents: int
    bootstrap: dict[str, Any]


def keep_figures(results: Results, num_documents: int, bootstrap: Mapping[str, Any], path: Path) -> None:
    """Write the figures of a study, documents of its validation text, and the record of rule bootstrap."""
    manifest = {key: value for key, value in results.manifest.items() if key != "runs"}
    runs = [{key: run.get(key) for key in RUN_KEYS} for run in results.manifest["runs"]]
    rows = json.loads(results.frame.drop(columns=list(LEFT_OUT)).to_json(orient="records", double_precision=15))
    kept = [{key: value for key, value in row.items() if value is not None} for row in rows]
    record = {"manifest": {**manifest, "runs": runs}, "figures": kept}
    write_json(path, {**record, "num_documents": num_documents, "bootstrap": dict(bootstrap)})


def kept_figures(path: str | Path) -> Kept:
    """Read what `keep_figures` wrote; ValueError for another file."""
    record = read_json(path)
    missing = [key for key in ("manifest", "figures", "num_documents", "bootstrap") if key not in record]
    if missing:
        raise ValueError(f"{path}: not the figures of a study: {', '.join(missing)} missing")
    frame = pd.DataFrame(record["figures"]).reindex(columns=collect({"runs": []}).columns)
    curves = (pd.DataFrame(columns=list(columns)) for columns in (CURVE_COLUMNS, ADAPTATION_COLUMNS))
    results = Results(record["manifest"], frame.astype({"seed": int}), *curves)
    return Kept(results, record["num_documents"], record["bootstrap"])
