"""Rule import_checkpoint: a checkpoint of the published script as a run of this study."""

from flowgolf.model.settings import ModelSettings
from flowgolf.running.stage import stage
from flowgolf.train.import_checkpoint import import_checkpoint

with stage(snakemake) as run:
    import_checkpoint(
        checkpoint_path=snakemake.input.checkpoint,
        model_settings=ModelSettings.model_validate(run.settings["model"]),
        variant=run.variant,
        seed=run.seed,
        data_json=snakemake.input.data,
        model_path=snakemake.output.model,
        curve_path=snakemake.output.curve,
        record_path=snakemake.output.record,
    )
