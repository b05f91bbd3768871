"""Rule import_checkpoint: a checkpoint of the published script as a run of this study."""

import json

from flowgolf.model.settings import ModelSettings
from flowgolf.running.job import job
from flowgolf.train.import_checkpoint import import_checkpoint

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)

with job(snakemake.log[0], snakemake.params.failure, "train", variant, seed):
    import_checkpoint(
        checkpoint_path=snakemake.input.checkpoint,
        model_settings=ModelSettings.model_validate(settings["model"]),
        variant=variant,
        seed=seed,
        data_json=snakemake.input.data,
        model_path=snakemake.output.model,
        curve_path=snakemake.output.curve,
        record_path=snakemake.output.record,
    )
