"""Rule legal_ttt: score of an artifact that trains on what it has already been scored on."""

import json

from flowgolf.evaluate.legal_ttt import legal_ttt
from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.running.job import job
from flowgolf.running.store import Work

variant, seed = snakemake.wildcards.variant, int(snakemake.wildcards.seed)
settings = json.loads(snakemake.params.settings)
identity = f"legal_ttt {snakemake.params.settings} {snakemake.params.code}"
work = Work(list(snakemake.output), list(snakemake.input), identity, snakemake.params.cache)

with job(snakemake.log[0], snakemake.params.failure, "legal_ttt", variant, seed, work) as needed:
    if needed:
        legal_ttt(
            artifact_path=snakemake.input.artifact,
            data_json=snakemake.input.data,
            settings=LegalTTTSettings.model_validate(settings["legal_ttt"]),
            result_path=snakemake.output.result,
            curve_path=snakemake.output.curve,
            checks_path=snakemake.output.checks,
            state_dir=snakemake.params.state,
        )
