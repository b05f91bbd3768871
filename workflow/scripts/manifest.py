"""Rule manifest: which declared run finds its records where."""

import json

from flowgolf.files import write_json
from flowgolf.running.stage import stage

with stage(snakemake):
    write_json(snakemake.output.manifest, json.loads(snakemake.params.manifest))
