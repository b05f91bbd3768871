"""Rule calibrated_export: trained weights to the artifact that is scored, with Hessians from training data."""

import json

import torch

from flowgolf.export.artifact import export
from flowgolf.export.calibrate import calibrate
from flowgolf.export.comparison import codec_records
from flowgolf.export.settings import ExportSettings
from flowgolf.running.stage import stage

with stage(snakemake) as run:
    torch.set_num_threads(snakemake.threads)  # sums repeat to the bit only for one count
    settings = ExportSettings.model_validate_json(json.dumps(run.settings["export"]))  # JSON has no integer keys
    export(
        checkpoint_path=snakemake.input.model,
        settings=settings,
        artifact_path=snakemake.output.artifact,
        record_path=snakemake.output.record,
        matched_plan_path=snakemake.input.get("plan"),
        calibration=calibrate(snakemake.input.model, snakemake.input.data, settings),
        compare=codec_records,
    )
