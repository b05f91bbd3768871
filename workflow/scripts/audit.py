"""Rule audit: what the audits of all submission folders found; an error in one of them is a failure."""

from flowgolf.running.stage import stage
from flowgolf.submission import audits

with stage(snakemake):
    audits.judge(list(snakemake.input))
