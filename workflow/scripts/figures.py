"""Rule figures: every plot of the study, from the records."""

from pathlib import Path

from flowgolf.report.plots.plots import plots
from flowgolf.running.stage import stage

with stage(snakemake):
    plots(snakemake.input.manifest, Path(snakemake.params.folder))
