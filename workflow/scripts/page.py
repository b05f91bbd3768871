"""Rule page: the report of the study on one page."""

from flowgolf.job import job
from flowgolf.report.page import page

with job(snakemake.log[0], snakemake.params.failure, "page"):
    page(snakemake.input.manifest, snakemake.params.figures, snakemake.output.page)
