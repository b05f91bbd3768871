"""Rule page: the report of the study on one page."""

from flowgolf.report.pages.page import page
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "page"):
    page(snakemake.input.manifest, snakemake.params.figures, snakemake.output.page)
