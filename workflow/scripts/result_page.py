"""Rule result_page: a finished study as a page to keep under version control."""

from flowgolf.job import job
from flowgolf.report.result_page import result_page

with job(snakemake.log[0], snakemake.params.failure, "result_page"):
    result_page(
        manifest_path=snakemake.input.manifest,
        data_json=snakemake.input.data,
        bootstrap_path=snakemake.input.bootstrap,
        figures_dir=snakemake.params.figures,
        configfile=snakemake.params.configfile,
        page_path=snakemake.output.page,
    )
