"""Rule tokens: text to shards, and the record of what they hold."""

from pydantic import TypeAdapter

from flowgolf.data.settings import DataSettings
from flowgolf.data.tokens import tokens
from flowgolf.running.stage import stage

with stage(snakemake):
    tokens(
        settings=TypeAdapter(DataSettings).validate_json(snakemake.params.settings),
        tokenizer_model=snakemake.input.tokenizer,
        data_json_path=snakemake.output.data,
        shards_dir=snakemake.params.shards,
        state_dir=snakemake.params.state,
        num_workers=snakemake.threads,
        hub_record=snakemake.input.get("hub"),
    )
