"""Rule match_plan: the bit plan that all arms of a comparison are exported with."""

from flowgolf.export.plan import match_plan
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "match_plan"):
    match_plan(snakemake.input.records, snakemake.output.plan)
