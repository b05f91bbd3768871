"""Rule published: the published figures through our tables, and what does not follow from its own rows."""

from flowgolf.report.tables.published import published
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "published"):
    published(snakemake.output.tables)
