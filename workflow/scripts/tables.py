"""Rule tables: every table of the study, from the records."""

from pathlib import Path

from flowgolf.report.tables.tables import tables
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "tables"):
    tables(snakemake.input.manifest, Path(snakemake.params.folder))
