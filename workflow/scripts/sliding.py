"""Rule sliding: sliding-window score of an artifact."""

import json

from flowgolf.evaluate.settings import SlidingSettings
from flowgolf.evaluate.sliding import sliding
from flowgolf.running.job import job
from flowgolf.running.store import Work

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)
identity = f"sliding {snakemake.params.settings} {snakemake.params.code}"
cache = None if settings["sliding"]["keep_nats"] else snakemake.params.cache  # its arrays are no declared output
work = Work(list(snakemake.output), list(snakemake.input), identity, cache)

with job(snakemake.log[0], snakemake.params.failure, "sliding", variant, seed, work) as needed:
    if needed:
        sliding(
            artifact_path=snakemake.input.artifact,
            data_json=snakemake.input.data,
            settings=SlidingSettings.model_validate(settings["sliding"]),
            result_path=snakemake.output.result,
            checks_path=snakemake.output.checks,
        )
