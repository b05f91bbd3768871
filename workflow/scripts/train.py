"""Rule train: one variant under one seed, from shards to averaged weights."""

import json

from flowgolf.model.settings import ModelSettings
from flowgolf.running.job import job
from flowgolf.running.store import Work
from flowgolf.train.loop import train
from flowgolf.train.settings import TrainSettings

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)
identity = f"train {snakemake.params.settings} {snakemake.params.code} {seed}"
work = Work(list(snakemake.output), list(snakemake.input), identity, snakemake.params.cache)

with job(snakemake.log[0], snakemake.params.failure, "train", variant, seed, work) as needed:
    if needed:
        train(
            model_settings=ModelSettings.model_validate(settings["model"]),
            settings=TrainSettings.model_validate(settings["train"]),
            variant=variant,
            seed=seed,
            data_json=snakemake.input.data,
            model_path=snakemake.output.model,
            curve_path=snakemake.output.curve,
            record_path=snakemake.output.record,
            state_dir=snakemake.params.state,
        )
