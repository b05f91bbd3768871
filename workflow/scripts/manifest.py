"""Rule manifest: the study in one file, which run finds its records where, and what each result was made from."""

import json

import yaml

from flowgolf.files import replacing, sha256, write_json
from flowgolf.running.stage import stage

with stage(snakemake):
    with replacing(snakemake.output.study) as temporary:
        temporary.write_text(yaml.safe_dump(json.loads(snakemake.params.study), sort_keys=False, allow_unicode=True))
    results = {path: sha256(path) for path in snakemake.input.origins}
    write_json(snakemake.output.manifest, {**json.loads(snakemake.params.manifest), "results": results})
