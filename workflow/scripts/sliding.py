"""Rules sliding and sliding_part: sliding-window score of an artifact, or one of several parts of it."""

from flowgolf.evaluate.settings import SlidingSettings
from flowgolf.evaluate.sliding import sliding
from flowgolf.running.stage import stage

with stage(snakemake) as run:
    sliding(
        artifact_path=snakemake.input.artifact,
        data_json=snakemake.input.data,
        settings=SlidingSettings.model_validate(run.settings["sliding"]),
        result_path=snakemake.output.record,
        checks_path=snakemake.output.checks,
        shard=(int(snakemake.wildcards.get("part", 0)), snakemake.params.get("shards", 1)),
    )
