"""Training: optimisers, schedule, averaging, the loop and its resumable state."""
