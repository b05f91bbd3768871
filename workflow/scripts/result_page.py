"""Rule result_page: a finished study as a page to keep under version control."""

from flowgolf.report.pages.markdown_page import result_page
from flowgolf.running.stage import stage

with stage(snakemake):
    result_page(
        manifest_path=snakemake.input.manifest,
        data_json=snakemake.input.data,
        bootstrap_path=snakemake.input.bootstrap,
        plots_dir=snakemake.params.figures,
        configfile=snakemake.params.configfile,
        page_path=snakemake.output.page,
    )
