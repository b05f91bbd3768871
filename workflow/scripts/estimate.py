"""Rule estimate: what a launch would cost. Its only log is what it prints."""

import json
from pathlib import Path

from flowgolf.watch.estimate import estimate
from flowgolf.watch.pipe import while_read

with while_read():
    estimate(
        study=json.loads(snakemake.params.study),
        config=json.loads(snakemake.params.config),
        snakefile=snakemake.params.snakefile,
        results=Path("results"),
    )
