"""Rule tables: every table of the study, from the records."""

from pathlib import Path

from flowgolf.job import job
from flowgolf.report.tables import tables

with job(snakemake.log[0], snakemake.params.failure, "tables"):
    tables(snakemake.input.manifest, Path(snakemake.params.folder))
