"""Rule published: the published figures through our tables, and what does not follow from its own rows."""

from flowgolf.job import job
from flowgolf.report.published import published

with job(snakemake.log[0], snakemake.params.failure, "published"):
    published(snakemake.output.tables)
