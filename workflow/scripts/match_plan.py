"""Rule match_plan: the bit plan that all arms of a comparison are exported with."""

from flowgolf.export.plan import match_plan
from flowgolf.running.stage import stage

with stage(snakemake):
    match_plan(snakemake.input.records, snakemake.output.plan)
