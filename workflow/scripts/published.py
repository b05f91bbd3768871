"""Rule published: the published figures through our tables, and what does not follow from its own rows."""

from flowgolf.report.tables.published_study import published
from flowgolf.running.stage import stage

with stage(snakemake):
    published(snakemake.output.tables)
