"""Rule export: trained weights to the artifact that is scored."""

import json

from flowgolf.export.artifact import export
from flowgolf.export.settings import ExportSettings
from flowgolf.job import job

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)

with job(snakemake.log[0], snakemake.params.failure, "export", variant, seed):
    export(
        checkpoint_path=snakemake.input.model,
        settings=ExportSettings.model_validate_json(json.dumps(settings["export"])),
        artifact_path=snakemake.output.artifact,
        record_path=snakemake.output.record,
        matched_plan_path=snakemake.input.get("plan"),
    )
