"""Rule export: trained weights to the artifact that is scored."""

import json

from flowgolf.export.artifact import export
from flowgolf.export.settings import ExportSettings
from flowgolf.running.job import job
from flowgolf.running.store import Work

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)
identity = f"export {snakemake.params.settings} {snakemake.params.code}"
work = Work(list(snakemake.output), list(snakemake.input), identity, snakemake.params.cache)

with job(snakemake.log[0], snakemake.params.failure, "export", variant, seed, work) as needed:
    if needed:
        export(
            checkpoint_path=snakemake.input.model,
            settings=ExportSettings.model_validate_json(json.dumps(settings["export"])),
            artifact_path=snakemake.output.artifact,
            record_path=snakemake.output.record,
            matched_plan_path=snakemake.input.get("plan"),
        )
