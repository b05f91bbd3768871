"""Rule merge_sliding: the parts of a sliding-window score become one result."""

from flowgolf.evaluate.sliding import merge_sliding
from flowgolf.running.stage import stage

with stage(snakemake):
    merge_sliding(
        part_paths=snakemake.input.records,
        part_checks_paths=snakemake.input.checks,
        data_json=snakemake.input.data,
        result_path=snakemake.output.record,
        checks_path=snakemake.output.checks,
    )
