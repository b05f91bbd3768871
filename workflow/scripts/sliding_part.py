"""Rule sliding_part: one of several jobs that share a sliding-window score."""

import json

from flowgolf.evaluate.settings import SlidingSettings
from flowgolf.evaluate.sliding import sliding
from flowgolf.job import job

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)

with job(snakemake.log[0], snakemake.params.failure, "sliding", variant, seed):
    sliding(
        artifact_path=snakemake.input.artifact,
        data_json=snakemake.input.data,
        settings=SlidingSettings.model_validate(settings["sliding"]),
        result_path=snakemake.output.result,
        checks_path=snakemake.output.checks,
        shard=(int(snakemake.wildcards.part), snakemake.params.shards),
    )
