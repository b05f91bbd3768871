"""Rule figures: every figure of the study, from the records."""

from pathlib import Path

from flowgolf.report.plots.plots import figures
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "figures"):
    figures(snakemake.input.manifest, Path(snakemake.params.folder))
