"""Rule tokenizer: the SentencePiece model of the training documents."""

from pydantic import TypeAdapter

from flowgolf.data.settings import DataSettings
from flowgolf.data.tokenizer import tokenizer
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "tokenizer"):
    tokenizer(
        settings=TypeAdapter(DataSettings).validate_json(snakemake.params.settings),
        model_path=snakemake.output.model,
    )
