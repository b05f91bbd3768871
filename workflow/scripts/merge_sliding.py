"""Rule merge_sliding: the parts of a sliding-window score become one result."""

from flowgolf.evaluate.sliding import merge_sliding
from flowgolf.running.job import job

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)

with job(snakemake.log[0], snakemake.params.failure, "sliding", variant, seed):
    merge_sliding(
        part_paths=snakemake.input.results,
        part_checks_paths=snakemake.input.checks,
        data_json=snakemake.input.data,
        result_path=snakemake.output.result,
        checks_path=snakemake.output.checks,
    )
