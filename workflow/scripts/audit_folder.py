"""Rule audit_folder: a submission folder of ours, read as a stranger reads it; findings of any severity are kept."""

from flowgolf.running.stage import stage
from flowgolf.submission import audits

with stage(snakemake):
    audits.write(snakemake.params.folder, snakemake.output.page, snakemake.output.findings)
