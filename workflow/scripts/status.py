"""Rule status: what every declared run is doing now. Its only log is what it prints."""

import json

from flowgolf.watch.pipe import while_read
from flowgolf.watch.status import status

with while_read():
    status(json.loads(snakemake.params.manifest), snakemake.params.folder)
