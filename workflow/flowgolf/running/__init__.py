"""How a job runs: envelope, lock, store, progress, SLURM. Nothing here changes a value, so no fingerprint holds it."""
