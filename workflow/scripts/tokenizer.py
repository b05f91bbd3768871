"""Rule tokenizer: the SentencePiece model of the training documents."""

from pydantic import TypeAdapter

from flowgolf.data.settings import DataSettings
from flowgolf.data.tokenizer import tokenizer
from flowgolf.running.stage import stage

with stage(snakemake):
    tokenizer(
        settings=TypeAdapter(DataSettings).validate_json(snakemake.params.settings),
        model_path=snakemake.output.model,
        hub_record=snakemake.input.get("hub"),
    )
