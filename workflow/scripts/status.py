"""Rule status: what every declared run is doing now. Its only log is what it prints."""

import json

from flowgolf.watch.status import status

status(json.loads(snakemake.params.manifest), snakemake.params.folder)
