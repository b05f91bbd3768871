"""Rule manifest: which declared run finds its records where."""

import json

from flowgolf.files import write_json
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "manifest"):
    write_json(snakemake.output.manifest, json.loads(snakemake.params.manifest))
