"""Rule submission_folder: what a pull request to the challenge holds."""

import json
from pathlib import Path

from flowgolf.running.stage import stage
from flowgolf.study.settings import RunSettings
from flowgolf.submission.folder import submission_folder

variant, seeds = snakemake.wildcards.variant, snakemake.params.seeds
kinds = [kind for kind in snakemake.input.keys() if kind not in ("artifact", "schema")]  # noqa: SIM118, no dict
records = [
    dict(zip(kinds, paths, strict=True)) for paths in zip(*(snakemake.input[kind] for kind in kinds), strict=True)
]

with stage(snakemake):
    submission_folder(
        variant=variant,
        settings=RunSettings.model_validate_json(snakemake.params.settings),
        about=json.loads(snakemake.params.about),
        limits=json.loads(snakemake.params.limits),
        records=records,
        seeds=seeds,
        primary_seed=snakemake.params.primary_seed,
        artifact_path=snakemake.input.artifact,
        schema_path=snakemake.input.schema,
        folder=Path(snakemake.output.record).parent,
    )
