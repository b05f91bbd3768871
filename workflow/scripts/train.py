"""Rule train: one variant under one seed, from shards to averaged weights."""

from flowgolf.model.settings import ModelSettings
from flowgolf.running.stage import stage
from flowgolf.train.loop import train
from flowgolf.train.settings import TrainSettings

with stage(snakemake) as run:
    train(
        model_settings=ModelSettings.model_validate(run.settings["model"]),
        settings=TrainSettings.model_validate(run.settings["train"]),
        variant=run.variant,
        seed=run.seed,
        data_json=snakemake.input.data,
        model_path=snakemake.output.model,
        curve_path=snakemake.output.curve,
        record_path=snakemake.output.record,
        state_dir=run.state,
        grid=run.settings.get("grid"),
    )
