"""Rule bootstrap: do the two arms differ on the same text?"""

import json

from flowgolf.evaluate.bootstrap import bootstrap
from flowgolf.running.stage import stage

with stage(snakemake):
    bootstrap(json.loads(snakemake.params.pairs), snakemake.output.record)
