"""Rule figures: every figure of the study, from the records."""

from pathlib import Path

from flowgolf.report.plots.plots import figures
from flowgolf.running.stage import stage

with stage(snakemake):
    figures(snakemake.input.manifest, Path(snakemake.params.folder))
