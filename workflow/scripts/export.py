"""Rule export: trained weights to the artifact that is scored."""

import json

from flowgolf.export.artifact import export
from flowgolf.export.comparison import codec_records
from flowgolf.export.settings import ExportSettings
from flowgolf.running.stage import stage

with stage(snakemake) as run:
    export(
        checkpoint_path=snakemake.input.model,
        settings=ExportSettings.model_validate_json(json.dumps(run.settings["export"])),  # JSON has no integer keys
        artifact_path=snakemake.output.artifact,
        record_path=snakemake.output.record,
        matched_plan_path=snakemake.input.get("plan"),
        compare=codec_records,
    )
