"""Rule clean: saved states that nothing will go on from. Its only log is what it prints."""

import json

from flowgolf.running.states import remove_left_over

if not remove_left_over(snakemake.params.folder, json.loads(snakemake.params.current)):
    print(f"{snakemake.params.folder}: every saved state belongs to a run of the study")
