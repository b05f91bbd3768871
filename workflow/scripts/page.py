"""Rule page: the report of the study on one page."""

from flowgolf.report.pages.html_page import page
from flowgolf.running.stage import stage

with stage(snakemake):
    page(snakemake.input.manifest, snakemake.input.study, snakemake.params.figures, snakemake.output.page)
