"""Rule claims: every look at every claim, and the seeds that the next launch needs."""

from flowgolf.files import write_json
from flowgolf.report.results.claims import record_of
from flowgolf.report.results.collect import collect_results
from flowgolf.running.stage import stage

with stage(snakemake):
    record = record_of(collect_results(snakemake.input.manifest))
    write_json(snakemake.output.record, {"made_from": snakemake.params.made_from, **record})
