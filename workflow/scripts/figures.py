"""Rule figures: every figure of the study, from the records."""

from pathlib import Path

from flowgolf.job import job
from flowgolf.report.figures import figures

with job(snakemake.log[0], snakemake.params.failure, "figures"):
    figures(snakemake.input.manifest, Path(snakemake.params.folder))
