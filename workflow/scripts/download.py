"""Rule download: the files of a published export, and where they lie on this machine."""

from flowgolf.data.hub import HubExport
from flowgolf.data.settings import HubData
from flowgolf.files import write_json
from flowgolf.running.stage import stage

with stage(snakemake):
    write_json(snakemake.output.record, {**HubExport(HubData.model_validate_json(snakemake.params.settings)).fetch()})
