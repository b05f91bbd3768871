"""Rule legal_ttt: score of an artifact that trains on what it has already been scored on."""

from flowgolf.evaluate.legal_ttt import legal_ttt
from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.running.stage import stage

with stage(snakemake) as run:
    legal_ttt(
        artifact_path=snakemake.input.artifact,
        data_json=snakemake.input.data,
        settings=LegalTTTSettings.model_validate(run.settings["legal_ttt"]),
        result_path=snakemake.output.record,
        curve_path=snakemake.output.curve,
        checks_path=snakemake.output.checks,
        state_dir=run.state,
        code=snakemake.params.identity,
    )
