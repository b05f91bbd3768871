"""Rule bootstrap: do the two arms differ on the same text?"""

import json

from flowgolf.evaluate.bootstrap import bootstrap
from flowgolf.running.job import job

with job(snakemake.log[0], snakemake.params.failure, "bootstrap"):
    bootstrap(json.loads(snakemake.params.pairs), snakemake.output.record)
