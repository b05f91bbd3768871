"""Rule tables: every table of the study, from the records."""

from pathlib import Path

from flowgolf.report.tables.tables import tables
from flowgolf.running.stage import stage

with stage(snakemake):
    tables(snakemake.input.manifest, Path(snakemake.params.folder))
